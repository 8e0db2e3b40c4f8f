package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
)

func TestDecryptReadsCiphertextsOfDM(t *testing.T) {
	for ciphertext, want := range map[string]string{
		"MKxn0Qo3m3XOyjCnhEMtsUCm83EhGQDZ/T4=": "abc!@#123",
		"fCxfQ9XKCezSzuCD0Wf5dUD+LsKegSg=":     "123456",
		"VjX8cEeTX+qcvZ3bPaO4h0C80pe/1aU=":     "123456",
		"/Q7B9DizNLLTTfiZHv9WoEAKamfpIUs=":     "123456",
		"Up8156jArvIPymkVC+5LxkAT6rek":         "1234",
	} {
		got, err := Decrypt(ciphertext)
		if err != nil || got != want {
			t.Errorf("Decrypt(%s) = %q, %v; want %q", ciphertext, got, err, want)
		}
	}
}

func TestDecryptRefuses(t *testing.T) {
	for ciphertext, code := range map[string]int{
		"not base64!":                          11050,
		"c2hvcnQ=":                             11047,
		"MKxn0Qo3m3X0yjCnhEMtsbCm83EhGQDZ/T4=": 11048,
	} {
		_, err := Decrypt(ciphertext)
		var f *fault.Error
		if !asFault(err, &f) || f.Code != code {
			t.Errorf("Decrypt(%s): got %v, want code %d", ciphertext, err, code)
		}
	}
}

func TestEncryptRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.StringN(1, 80, -1).Draw(t, "plain")
		a, errA := Encrypt(plain)
		b, errB := Encrypt(plain)
		if errA != nil || errB != nil || a == b {
			t.Fatalf("two ciphertexts of one password: %q %v, %q %v", a, errA, b, errB)
		}
		for _, c := range []string{a, b, encryptStable(Secret(plain))} {
			if got, err := Decrypt(c); err != nil || got != plain {
				t.Fatalf("Decrypt(%q) = %q, %v; want %q", c, got, err, plain)
			}
		}
	})
	if c, err := Encrypt(""); c != "" || err != nil {
		t.Errorf("the empty password became %q, %v", c, err)
	}
}

func TestSecretPrintsAsStars(t *testing.T) {
	db := Database{Host: "h", Password: "hunter2"}
	out := fmt.Sprint(db) + fmt.Sprintf("%+v %#v %q %x", db, db, db.Password, db.Password)
	j, err := json.Marshal(db)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(db)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "db", db, "password", db.Password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "db", db, "password", db.Password)
	out += string(j) + string(y) + log.String()
	for _, bad := range []string{"hunter2", "68756e74657232"} {
		if strings.Contains(out, bad) {
			t.Errorf("the password shows in %s", out)
		}
	}
	if !strings.Contains(out, "******") {
		t.Errorf("no stars in %s", out)
	}
}
