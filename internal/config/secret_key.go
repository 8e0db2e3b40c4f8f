package config

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
)

// SecretKey is what secrets in sources and tasks are encrypted with: the keys of
// a file that only the masters have, or, as its zero value, DM's public key. The
// first key encrypts, all decrypt, so that a key can be replaced by another.
// Whatever keys there are, ciphertexts made with the public key can be read.
type SecretKey struct {
	own []ownKey
	// blind leaves what it cannot open as it stands.
	blind bool
}

// ownKey is one key of a file. Its ciphertexts name it, and are authenticated:
// with another key, or changed, they give an error and no other password.
type ownKey struct {
	id   string
	aead cipher.AEAD
	raw  []byte
}

// keyedForm is a ciphertext of a key of one's own. The dots tell it from any
// ciphertext of DM, which is base64.
var keyedForm = regexp.MustCompile(`keyed\.([0-9a-f]{8})\.([A-Za-z0-9+/]{38,}={0,2})`)

// secretKeyHint says how to come to a file that is right.
const secretKeyHint = "write 64 hexadecimal digits into the file, for example with `openssl rand -hex 32`; all masters need the same file"

// Blind gives the key of who has none and only looks at what is not secret:
// secrets that it cannot open stay ciphertexts.
func Blind() SecretKey { return SecretKey{blind: true} }

// ReadSecretKey reads the file of secret-key-path; without a path it is the zero
// value. Each line is an AES-256 key of 64 hexadecimal digits.
func ReadSecretKey(path string) (SecretKey, error) {
	if path == "" {
		return SecretKey{}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return SecretKey{}, badSecretKey("secret-key-path: the file %s cannot be read", path, err)
	}
	return decodeSecretKey(path, data)
}

func badSecretKey(format, path string, err error) *fault.Error {
	return &fault.Error{Kind: fault.Invalid, Code: 11044, Msg: fmt.Sprintf(format, path), Hint: secretKeyHint, Err: err}
}

// decodeSecretKey reads a file's text. No message shows a part of it.
func decodeSecretKey(path string, data []byte) (SecretKey, error) {
	var k SecretKey
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		at := fmt.Sprintf("secret-key-path: line %d of the file %%s ", n)
		if len(line) != hex.EncodedLen(sha256.Size) {
			return k, badSecretKey(at+fmt.Sprintf("has %d characters instead of 64", len(line)), path, nil)
		}
		raw, err := hex.DecodeString(line)
		if err != nil {
			return k, badSecretKey(at+"has other characters than hexadecimal digits", path, nil)
		}
		own, err := newOwnKey(raw)
		if err != nil {
			return k, err
		}
		if slices.Contains(k.IDs(), own.id) {
			return k, badSecretKey(at+"has the key of an earlier line", path, nil)
		}
		k.own = append(k.own, own)
	}
	if err := lines.Err(); err != nil {
		return k, badSecretKey("secret-key-path: the file %s is no list of keys", path, err)
	}
	if len(k.own) == 0 {
		return k, badSecretKey("secret-key-path: the file %s is empty", path, nil)
	}
	return k, nil
}

func newOwnKey(raw []byte) (ownKey, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return ownKey{}, fault.Wrap("use the key", err)
	}
	aead, err := cipher.NewGCM(block)
	k := ownKey{aead: aead, raw: raw}
	k.id = hex.EncodeToString(k.digest("id", "")[:4])
	return k, err
}

// digest gives a number that nobody can find out without the key, other ones for
// other uses.
func (k ownKey) digest(use, of string) []byte {
	h := hmac.New(sha256.New, k.raw)
	h.Write([]byte(use + "\x00" + of))
	return h.Sum(nil)
}

func (k ownKey) seal(plain string, nonce []byte) string {
	return "keyed." + k.id + "." + base64.StdEncoding.EncodeToString(k.aead.Seal(nonce, nonce, []byte(plain), nil))
}

// IDs name the keys of one's own, the one that encrypts first. They tell nothing
// of the keys.
func (k SecretKey) IDs() []string {
	var out []string
	for _, own := range k.own {
		out = append(out, own.id)
	}
	return out
}

// Encrypt gives a ciphertext of a password for a source or task file, another one
// at every call. The empty password stays empty.
func (k SecretKey) Encrypt(plain string) (string, error) {
	if len(k.own) == 0 || plain == "" {
		return Encrypt(plain)
	}
	nonce := make([]byte, k.own[0].aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", &fault.Error{Op: "encrypt", Code: 11046, Msg: "no random bytes", Err: err}
	}
	return k.own[0].seal(plain, nonce), nil
}

// stable is Encrypt so that a stored configuration is the same text whenever it
// is written.
func (k SecretKey) stable(plain Secret) string {
	if len(k.own) == 0 || plain == "" {
		return encryptStable(plain)
	}
	own := k.own[0]
	return own.seal(string(plain), own.digest("nonce", string(plain))[:own.aead.NonceSize()])
}

// Decrypt reads a ciphertext of one of the keys, or of DM's. Later versions of DM
// take a key of one's own for the same form, which does not say whose it is. Where
// the public key gives no text, one of the others may; a wrong one gives bytes that
// are hardly ever a text.
func (k SecretKey) Decrypt(ciphertext string) (string, error) {
	m := keyedForm.FindStringSubmatch(ciphertext)
	if m == nil || m[0] != ciphertext {
		public, err := Decrypt(ciphertext)
		if err != nil || printable(public) {
			return public, err
		}
		for _, own := range k.own {
			if plain, err := decrypt(own.raw, ciphertext); err == nil && printable(plain) {
				return plain, nil
			}
		}
		return public, nil
	}
	for _, own := range k.own {
		if own.id != m[1] {
			continue
		}
		sealed, err := base64.StdEncoding.DecodeString(m[2])
		if err == nil {
			n := own.aead.NonceSize()
			var plain []byte
			if plain, err = own.aead.Open(nil, sealed[:n], sealed[n:], nil); err == nil {
				return string(plain), nil
			}
		}
		return "", &fault.Error{Op: "decrypt", Kind: fault.Invalid, Code: 11048, Msg: "the ciphertext is damaged",
			Hint: "give the text exactly as dmctl encrypt printed it"}
	}
	return "", &fault.Error{Op: "decrypt", Kind: fault.Invalid, Code: 20010, Msg: k.otherKey(m[1]),
		Hint: "give secret-key-path the file with that key; or encrypt the password again: dmctl --master-addr MASTER encrypt"}
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (k SecretKey) otherKey(id string) string {
	if len(k.own) == 0 {
		return "it is encrypted with the key " + id + ", and no secret-key-path is given"
	}
	return fmt.Sprintf("it is encrypted with the key %s, which the file of secret-key-path does not have (it has %s)", id, strings.Join(k.IDs(), ", "))
}

// reveal takes what stands in a file: a ciphertext, or else the password itself.
func (k SecretKey) reveal(s string) (Secret, error) {
	plain, err := k.Decrypt(s)
	switch {
	case err == nil:
		return Secret(plain), nil
	case !k.blind && keyedForm.FindString(s) == s && s != "":
		return "", err
	default:
		return Secret(s), nil
	}
}

// standing tells whether a text is what this key makes of a secret.
func (k SecretKey) standing(text string) bool {
	if _, err := k.Decrypt(text); err != nil {
		return false
	}
	m := keyedForm.FindStringSubmatch(text)
	if len(k.own) == 0 {
		return m == nil
	}
	return m != nil && m[1] == k.own[0].id
}

// Missing gives the error for a stored text with secrets of a key that is not
// here, nil when all can be opened.
func (k SecretKey) Missing(text string) error {
	for _, m := range keyedForm.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(k.IDs(), m[1]) {
			return &fault.Error{Kind: fault.Conflict, Code: 20010, Msg: "a secret in it cannot be read: " + k.otherKey(m[1]),
				Hint: "give secret-key-path a file that has this key in one of its lines, as other masters have"}
		}
	}
	return nil
}
