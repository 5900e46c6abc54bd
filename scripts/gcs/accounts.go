package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const email = "sidecart@tests.iam.gserviceaccount.com"

// writeAccounts makes two service accounts' key files: one that is let in, and one that says the same and has another
// key. Gives the key of the first.
func writeAccounts(dir string) (*rsa.PublicKey, error) {
	var first *rsa.PublicKey
	for _, name := range []string{"account.json", "stranger.json"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(map[string]string{
			"type":           "service_account",
			"client_email":   email,
			"private_key_id": strings.TrimSuffix(name, ".json"),
			"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		})
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
		if first == nil {
			first = &key.PublicKey
		}
	}
	return first, nil
}

// checkToken refuses what is no token that the account has signed for itself (RFC 7519, RS256; Google's AIP 4111).
func checkToken(header string, account *rsa.PublicKey) error {
	token, found := strings.CutPrefix(header, "Bearer ")
	parts := strings.Split(token, ".")
	if !found || len(parts) != 3 {
		return errors.New("no token of a service account")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(account, crypto.SHA256, sum[:], signature); err != nil {
		return err
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Iss, Scope string
		Exp        int64
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		return err
	}
	if claims.Iss != email || claims.Exp < time.Now().Unix() || !strings.Contains(claims.Scope, "googleapis.com/auth/") {
		return errors.New("a token of another account, without scope, or too old")
	}
	return nil
}
