// A server that speaks Google Cloud Storage's XML interface, for tests. The storage, its preconditions, and listing,
// reading and deleting are fake-gcs-server's. That one speaks the JSON interface above all; what it lacks of the XML
// one, and Sidecart's client needs, is here, after Google's reference: an object by PUT with a precondition, uploads in
// parts, and that nobody gets in without a token of the service account.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"path/filepath"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:4443", "address to listen on")
	bucket := flag.String("bucket", "sidecart", "the bucket that is there")
	dir := flag.String("accounts", ".", "folder for the keys of the accounts that are made: account.json, stranger.json")
	flag.Parse()

	account, err := writeAccounts(*dir)
	if err != nil {
		log.Fatalf("cannot write the accounts to %s: %v", *dir, err)
	}
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{NoListener: true, Scheme: "http", PublicHost: *listen})
	if err != nil {
		log.Fatalf("cannot start fake-gcs-server: %v", err)
	}
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: *bucket})
	front := &front{storage: server.HTTPHandler(), account: account, uploads: map[string]*upload{}}
	fmt.Printf("serving bucket %s at %s, accounts in %s\n", *bucket, *listen, filepath.Clean(*dir))
	log.Fatal(http.ListenAndServe(*listen, front))
}
