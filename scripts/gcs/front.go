package main

import (
	"bytes"
	"crypto/md5"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

const (
	// Google refuses parts below 5 MiB, but for the last.
	minPartBytes = 5 << 20
	// More than any test sends at once.
	maxBodyBytes = 64 << 20
	// As Google's.
	maxParts = 10_000
	// More than tests have under way.
	maxUploads = 1_000
)

// front answers what fake-gcs-server does not, and hands on the rest.
type front struct {
	storage http.Handler
	account *rsa.PublicKey
	mutex   sync.Mutex
	uploads map[string]*upload
	last    int
}

// upload is one in parts that is not completed yet.
type upload struct {
	bucket, object string
	parts          map[int][]byte
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/_internal/healthcheck" {
		f.storage.ServeHTTP(w, r)
		return
	}
	if err := checkToken(r.Header.Get("Authorization"), f.account); err != nil {
		refuse(w, http.StatusUnauthorized, "AuthenticationRequired", "Authentication required: "+err.Error())
		return
	}
	bucket, object, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	id := query.Get("uploadId")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "IncompleteBody", err.Error())
	case r.Method == http.MethodGet && object == "" && !f.hasBucket(bucket):
		noBucket(w)
	case r.Method == http.MethodPost && query.Has("uploads"):
		f.initiate(w, bucket, object)
	case r.Method == http.MethodPut && id != "":
		f.part(w, id, query.Get("partNumber"), body)
	case r.Method == http.MethodPost && id != "":
		f.complete(w, id, body)
	case r.Method == http.MethodDelete && id != "":
		f.abort(w, id)
	case r.Method == http.MethodPut:
		f.put(w, bucket, object, r.Header.Get("x-goog-if-generation-match"), body)
	default:
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.storage.ServeHTTP(w, r)
	}
}

// https://cloud.google.com/storage/docs/xml-api/post-object-multipart
func (f *front) initiate(w http.ResponseWriter, bucket, object string) {
	if !f.hasBucket(bucket) {
		noBucket(w)
		return
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if len(f.uploads) >= maxUploads {
		refuse(w, http.StatusServiceUnavailable, "SlowDown", "too many uploads are under way")
		return
	}
	f.last++
	id := "upload-" + strconv.Itoa(f.last)
	f.uploads[id] = &upload{bucket: bucket, object: object, parts: map[int][]byte{}}
	answer(w, "InitiateMultipartUploadResult", [][2]string{{"Bucket", bucket}, {"Key", object}, {"UploadId", id}})
}

// https://cloud.google.com/storage/docs/xml-api/put-object-multipart
func (f *front) part(w http.ResponseWriter, id, number string, body []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	upload, found := f.uploads[id]
	n, err := strconv.Atoi(number)
	switch {
	case !found:
		noUpload(w)
	case err != nil || n < 1 || n > maxParts:
		refuse(w, http.StatusBadRequest, "InvalidArgument", "partNumber must be from 1 to 10000")
	default:
		upload.parts[n] = body
		w.Header().Set("ETag", etag(body))
		w.WriteHeader(http.StatusOK)
	}
}

// https://cloud.google.com/storage/docs/xml-api/post-object-complete
func (f *front) complete(w http.ResponseWriter, id string, body []byte) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	upload, found := f.uploads[id]
	if !found {
		noUpload(w)
		return
	}
	var wanted struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(body, &wanted); err != nil || len(wanted.Part) == 0 {
		refuse(w, http.StatusBadRequest, "MalformedCompleteMultipartUploadRequest", "parts are named by number and ETag")
		return
	}
	var whole []byte
	before := 0
	for at, part := range wanted.Part {
		bytes, found := upload.parts[part.PartNumber]
		switch {
		case part.PartNumber <= before:
			refuse(w, http.StatusBadRequest, "InvalidPartOrder", "parts are not in ascending order")
			return
		case !found || part.ETag != etag(bytes):
			refuse(w, http.StatusBadRequest, "InvalidPart", fmt.Sprintf("part %d was not uploaded so", part.PartNumber))
			return
		case at < len(wanted.Part)-1 && len(bytes) < minPartBytes:
			refuse(w, http.StatusBadRequest, "EntityTooSmall", "a part but the last is smaller than 5 MiB")
			return
		}
		before = part.PartNumber
		whole = append(whole, bytes...)
	}
	stored := f.store(upload.bucket, upload.object, "", whole)
	if stored.status != http.StatusOK {
		stored.refuse(w)
		return
	}
	delete(f.uploads, id)
	w.Header().Set("x-goog-generation", stored.generation)
	answer(w, "CompleteMultipartUploadResult",
		[][2]string{{"Bucket", upload.bucket}, {"Key", upload.object}, {"ETag", etag(whole)}})
}

// https://cloud.google.com/storage/docs/xml-api/delete-multipart
func (f *front) abort(w http.ResponseWriter, id string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, found := f.uploads[id]; !found {
		noUpload(w)
		return
	}
	delete(f.uploads, id)
	w.WriteHeader(http.StatusNoContent)
}

// https://cloud.google.com/storage/docs/xml-api/put-object-upload
func (f *front) put(w http.ResponseWriter, bucket, object, generation string, body []byte) {
	stored := f.store(bucket, object, generation, body)
	if stored.status != http.StatusOK {
		stored.refuse(w)
		return
	}
	w.Header().Set("x-goog-generation", stored.generation)
	w.Header().Set("ETag", etag(body))
	w.WriteHeader(http.StatusOK)
}

// stored is what fake-gcs-server says of an upload.
type stored struct {
	status     int
	generation string
	text       string
}

func (s stored) refuse(w http.ResponseWriter) {
	switch s.status {
	case http.StatusNotFound:
		noBucket(w)
	case http.StatusPreconditionFailed:
		refuse(w, s.status, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
	default:
		refuse(w, s.status, "InvalidArgument", s.text)
	}
}

// store puts an object by the JSON interface, which checks the precondition.
func (f *front) store(bucket, object, generation string, body []byte) stored {
	query := url.Values{"uploadType": {"media"}, "name": {object}}
	if generation != "" {
		query.Set("ifGenerationMatch", generation)
	}
	path := "/upload/storage/v1/b/" + url.PathEscape(bucket) + "/o?" + query.Encode()
	request := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/octet-stream")
	said := httptest.NewRecorder()
	f.storage.ServeHTTP(said, request)
	var written struct{ Generation string }
	if err := json.Unmarshal(said.Body.Bytes(), &written); err != nil && said.Code == http.StatusOK {
		return stored{status: http.StatusInternalServerError, text: err.Error()}
	}
	return stored{status: said.Code, generation: written.Generation, text: said.Body.String()}
}

func (f *front) hasBucket(bucket string) bool {
	said := httptest.NewRecorder()
	f.storage.ServeHTTP(said, httptest.NewRequest(http.MethodGet, "/storage/v1/b/"+url.PathEscape(bucket), nil))
	return said.Code == http.StatusOK
}

func etag(body []byte) string {
	sum := md5.Sum(body)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func noBucket(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist.")
}

func noUpload(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, "NoSuchUpload", "The specified multipart upload does not exist.")
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(status)
	write(w, "Error", [][2]string{{"Code", code}, {"Message", message}})
}

func answer(w http.ResponseWriter, root string, fields [][2]string) {
	w.Header().Set("Content-Type", "application/xml; charset=UTF-8")
	w.WriteHeader(http.StatusOK)
	write(w, root, fields)
}

func write(w io.Writer, root string, fields [][2]string) {
	fmt.Fprintf(w, "<?xml version='1.0' encoding='UTF-8'?><%s>", root)
	for _, field := range fields {
		fmt.Fprintf(w, "<%s>", field[0])
		xml.EscapeText(w, []byte(field[1]))
		fmt.Fprintf(w, "</%s>", field[0])
	}
	fmt.Fprintf(w, "</%s>", root)
}
