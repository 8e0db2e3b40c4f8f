package config

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/raftdm/raftdm/internal/fault"
)

// cipherKey is DM's fixed AES-256 key. It is public, so the encryption keeps a
// password from being read in passing and nothing more; it is kept because
// operators have ciphertexts made with it.
const cipherKey = "\xa5\x29\xb7\x66\x59\x97\xf0\x43\xa3\x0a\xc8\xfa\xdc\xb5\x1d\x6a" +
	"\xa0\x32\xc2\x26\xab\x5b\x77\x50\x53\x0b\x12\xb8\xc1\xa1\x6a\x48"

const cipherSeparator = '@'

// Encrypt gives a ciphertext of a password for a source or task file: base64
// of a random IV, "@" and the AES-CFB text. It differs at every call. The empty
// password stays empty.
func Encrypt(plain string) (string, error) {
	iv := make([]byte, aes.BlockSize)
	if _, err := rand.Read(iv); err != nil {
		return "", &fault.Error{Op: "encrypt", Code: 11046, Msg: "no random bytes", Err: err}
	}
	return seal(plain, iv), nil
}

// encryptStable is Encrypt with an IV made from the password, so that a stored
// configuration is the same text whenever it is written.
func encryptStable(plain Secret) string {
	sum := sha256.Sum256([]byte(plain))
	return seal(string(plain), sum[:aes.BlockSize])
}

func seal(plain string, iv []byte) string {
	if plain == "" {
		return ""
	}
	out := append(bytes.Clone(iv), cipherSeparator)
	body := []byte(plain)
	stream([]byte(cipherKey), iv, false).XORKeyStream(body, body)
	return base64.StdEncoding.EncodeToString(append(out, body...))
}

// Decrypt reads a ciphertext made by Encrypt or by DM's dmctl.
func Decrypt(ciphertext string) (string, error) { return decrypt([]byte(cipherKey), ciphertext) }

func decrypt(key []byte, ciphertext string) (string, error) {
	bad := func(code int, msg string) error {
		return &fault.Error{Op: "decrypt", Kind: fault.Invalid, Code: code, Msg: msg,
			Hint: "give the text exactly as dmctl encrypt printed it"}
	}
	raw, err := base64.StdEncoding.DecodeString(ciphertext)
	switch {
	case err != nil:
		return "", bad(11050, "the ciphertext is not base64")
	case len(raw) <= aes.BlockSize:
		return "", bad(11047, "the ciphertext is too short")
	case raw[aes.BlockSize] != cipherSeparator:
		return "", bad(11048, "the ciphertext has no separator at its place")
	}
	body := raw[aes.BlockSize+1:]
	stream(key, raw[:aes.BlockSize], true).XORKeyStream(body, body)
	return string(body), nil
}

// stream is AES-256 in CFB mode: not authenticated, and what DM's format is.
func stream(key, iv []byte, decrypt bool) cipher.Stream {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("config: keys have a fixed, valid length: " + err.Error())
	}
	if decrypt {
		return cipher.NewCFBDecrypter(block, iv) //nolint:staticcheck // DM's format
	}
	return cipher.NewCFBEncrypter(block, iv) //nolint:staticcheck // DM's format
}
