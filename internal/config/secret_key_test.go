package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// secretKey makes a key of lines that repeat two digits each.
func secretKey(t *testing.T, digits ...string) SecretKey {
	t.Helper()
	var text string
	for _, d := range digits {
		text += strings.Repeat(d, 32) + "\n"
	}
	k, err := decodeSecretKey("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A file that is no key gives one error, with DM's number, that names the file
// and shows nothing of it.
func TestSecretKeyFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	digits := strings.Repeat("5e", 32)
	for _, c := range []struct{ text, want string }{
		{"", "secret-key-path: the file " + path + " is empty"},
		{" \n\n", "secret-key-path: the file " + path + " is empty"},
		{digits[:40], "secret-key-path: line 1 of the file " + path + " has 40 characters instead of 64"},
		{digits + "5e", "secret-key-path: line 1 of the file " + path + " has 66 characters instead of 64"},
		{digits + "\n" + digits[:62] + "xy", "secret-key-path: line 2 of the file " + path + " has other characters than hexadecimal digits"},
		{digits + "\n\n" + digits, "secret-key-path: line 3 of the file " + path + " has the key of an earlier line"},
		{strings.Repeat("\x00", 1<<17), "secret-key-path: the file " + path + " is no list of keys: bufio.Scanner: token too long"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadSecretKey(path)
		var f *fault.Error
		if !errors.As(err, &f) || f.Error() != c.want || f.Code != 11044 || f.Kind != fault.Invalid || f.Hint == "" {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	_, err := ReadSecretKey(path + "x")
	if err == nil || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "secret-key-path: the file "+path+"x cannot be read") {
		t.Errorf("without a file: %v", err)
	}
	for _, text := range []string{digits, strings.ToUpper(digits) + "\r\n", "\n" + digits + "\n" + strings.Repeat("00", 32)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := ReadSecretKey(path); err != nil || k.IDs()[0] != secretKey(t, "5e").IDs()[0] {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What one key encrypts no other one opens; both ends of a change of keys do, and
// whatever DM's public key encrypts is open to all.
func TestSecretKeys(t *testing.T) {
	old, next, changed := secretKey(t, "aa"), secretKey(t, "bb"), secretKey(t, "bb", "aa")
	sealed, err := old.Encrypt("p@ss")
	if err != nil {
		t.Fatal(err)
	}
	public, err := Encrypt("p@ss")
	if err != nil {
		t.Fatal(err)
	}
	again, _ := old.Encrypt("p@ss")
	if again == sealed || old.stable("p@ss") != old.stable("p@ss") || old.stable("p@ss") == old.stable("p@st") || old.stable("") != "" {
		t.Error("ciphertexts repeat when they must not, or differ when they must not")
	}
	for _, c := range []struct {
		key  SecretKey
		text string
		code int // 0: it opens
	}{
		{old, sealed, 0}, {changed, sealed, 0}, {old, old.stable("p@ss"), 0}, {old, public, 0}, {next, public, 0}, {SecretKey{}, public, 0},
		{next, sealed, 20010}, {SecretKey{}, sealed, 20010}, {old, sealed[:len(sealed)-6] + "AAAAAA", 11048},
	} {
		plain, err := c.key.Decrypt(c.text)
		var f *fault.Error
		if c.code == 0 && (err != nil || plain != "p@ss") || c.code != 0 && (!errors.As(err, &f) || f.Code != c.code) {
			t.Errorf("%v opens %s: %q, %v; want code %d", c.key.IDs(), c.text, plain, err, c.code)
		}
		got, err := c.key.reveal(c.text)
		if (err != nil) != (c.code != 0) || c.code == 0 && got != "p@ss" {
			t.Errorf("%v reveals %s: %q, %v", c.key.IDs(), c.text, got.Reveal(), err)
		}
		if missing := c.key.Missing("password: \"" + c.text + "\"\n"); (missing != nil) != (c.code == 20010) {
			t.Errorf("%v misses a key for %s: %v", c.key.IDs(), c.text, missing)
		}
	}
	for _, plain := range []string{"keyed", "keyed.", "keyed.12345678.short", "keyed.XY345678." + strings.Repeat("a", 40)} {
		if got, err := next.reveal(plain); err != nil || got.Reveal() != plain {
			t.Errorf("the password %q was read as %q, %v", plain, got.Reveal(), err)
		}
	}
	_, _, err = next.DecodeSource("source.yaml", []byte("source-id: s\nfrom:\n  host: h\n  port: 1\n  user: u\n  password: "+sealed+"\n"))
	if want := "decode source config: source.yaml:6: from.password: it is encrypted with the key " + old.IDs()[0]; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Ciphertexts of a later DM under a key of one's own, made here by openssl enc
// -aes-256-cfb with the key aa…aa and the IV 00…0f, are read as DM reads them, and those
// of the public key beside them.
func TestSecretKeyOfDM(t *testing.T) {
	const ciphertext = "AAECAwQFBgcICQoLDA0OD0CSGcWNnScqcchmxQ=="
	public, err := Encrypt("pässword")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []SecretKey{secretKey(t, "aa"), secretKey(t, "bb", "aa")} {
		if plain, err := k.Decrypt(ciphertext); err != nil || plain != "s3cret-Pa55" {
			t.Errorf("%v: %q, %v", k.IDs(), plain, err)
		}
		if plain, err := k.Decrypt(public); err != nil || plain != "pässword" {
			t.Errorf("%v: %q, %v", k.IDs(), plain, err)
		}
	}
	if plain, err := (SecretKey{}).Decrypt(ciphertext); err != nil || plain == "s3cret-Pa55" {
		t.Errorf("without the key: %q, %v", plain, err)
	}
}

// What is kept, exported and given to workers means the same, under the masters'
// key in the first two and under DM's in the last.
func TestFormsUnderASecretKey(t *testing.T) {
	const secret = "s3cret-Pa55"
	key, other := secretKey(t, "aa"), secretKey(t, "bb")
	sealed, err := key.Encrypt(secret)
	if err != nil {
		t.Fatal(err)
	}
	public, err := Encrypt(secret)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"/ca": "-----BEGIN CERTIFICATE-----\nca", "/cert": "-----BEGIN CERTIFICATE-----\nown", "/key": pemText}
	for _, password := range []string{secret, sealed, public} {
		db := "{host: h, port: 1, user: u, password: " + password + ", security: {ssl-ca: /ca, ssl-cert: /cert, ssl-key: /key}}"
		text := "name: t # mine\ntask-mode: all\ntarget-database: " + db + "\nmysql-instances: [{source-id: s}]\n"
		want, _, err := key.DecodeTask("", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		FillSecurity(&want.Target.Security, files)
		stored := key.StoredTask(text, files)
		form, _, err := key.TaskForm(map[string]string{"s": stored}, Sealed)
		if err != nil {
			t.Fatal(err)
		}
		for what, c := range map[string]struct {
			text string
			with SecretKey
			ids  int // how many secrets the key encrypts
		}{"stored": {stored, key, 2}, "exported": {form, key, 2}, "given to a worker": {key.TaskForWorker(stored), SecretKey{}, 0}} {
			got, _, err := c.with.DecodeTask("", []byte(c.text))
			if err != nil || !reflect.DeepEqual(got.Target, want.Target) {
				t.Errorf("%s means something else: %v\n%s", what, err, c.text)
			}
			if n := strings.Count(c.text, "keyed."+key.IDs()[0]); n != c.ids || strings.Contains(c.text, secret) || strings.Contains(c.text, "PRIVATE KEY") {
				t.Errorf("%s has %d secrets under the key:\n%s", what, n, c.text)
			}
		}
		if again := key.StoredTask(stored, nil); again != stored {
			t.Errorf("what is stored is stored differently:\n%s\n%s", stored, again)
		}
		if err := other.Missing(stored); err == nil {
			t.Error("another key misses nothing")
		}
		if moved := secretKey(t, "bb", "aa").StoredTask(stored, nil); other.Missing(moved) != nil {
			t.Errorf("a new key does not take over what the old one encrypted:\n%s", moved)
		}
		if form, _, err := other.TaskForm(map[string]string{"s": stored}, Masked); err != nil || strings.Contains(form, "keyed") {
			t.Errorf("without the key a task cannot be shown: %v\n%s", err, form)
		}
	}
	src, _, err := key.DecodeSource("", []byte("{source-id: s, from: {host: h, port: 1, user: u, password: "+sealed+"}}"))
	if err != nil || src.From.Password.Reveal() != secret {
		t.Fatal(src, err)
	}
	stored := key.EncodeSource(src)
	got, _, err := DecodeSource("", []byte(key.SourceForWorker(stored)))
	if err != nil || !reflect.DeepEqual(got, src) || !strings.Contains(stored, "keyed."+key.IDs()[0]) {
		t.Errorf("%v\n%s", err, stored)
	}
	if s, _, err := Blind().DecodeSource("", []byte(stored)); err != nil || s.SourceID != "s" {
		t.Errorf("who has no key cannot read what is no secret: %v", err)
	}
}
