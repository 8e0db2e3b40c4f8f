package config

import (
	"reflect"
	"strings"
	"testing"
)

const pemText = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIHNlY3JldHNlY3JldHNlY3JldA==\n-----END PRIVATE KEY-----\n"

// What the cluster keeps means the same and shows neither password nor key.
func TestStoredTask(t *testing.T) {
	const secret = "s3cret-Pa55"
	rest := "\nmysql-instances:\n  - source-id: s1 # the first one\n    block-allow-list: x\nblock-allow-list: {x: {do-dbs: [\"a\", 'b']}}\n"
	head := "name: t1 # of the shop\ntask-mode: all\n"
	files := map[string]string{"/ca": "-----BEGIN CERTIFICATE-----\nca", "/cert": "-----BEGIN CERTIFICATE-----\nown", "/key": pemText}
	sealed, err := Encrypt(secret)
	if err != nil {
		t.Fatal(err)
	}
	for what, target := range map[string]string{
		"plain":         "target-database: {host: h, port: 1, user: u, password: " + secret + "}",
		"single quotes": "target-database:\n  host: h\n  port: 1\n  user: u\n  password: '" + secret + "' # remark",
		"double quotes": "target-database:\n  host: h\n  port: 1\n  user: u\n  password: \"" + secret + "\"",
		"a block":       "target-database:\n  host: h\n  port: 1\n  user: u\n  password: |-\n    " + secret,
		"an anchor":     "target-database:\n  host: h\n  port: 1\n  user: u\n  password: &p " + secret + "\n  session: {max_execution_time: 5}",
		"a merge":       "target-database:\n  <<: {host: h, port: 1, user: u, password: " + secret + "}",
		"files":         "target-database:\n  host: h\n  port: 1\n  user: u\n  password: " + secret + "\n  security:\n    ssl-ca: /ca\n    ssl-cert: /cert\n    ssl-key: /key",
		"other files":   "target-database:\n  host: h\n  port: 1\n  user: u\n  password: " + secret + "\n  security: {ssl-ca: /ca, ssl-cert: /other, ssl-key: /key}",
		"a key inside":  "target-database:\n  host: h\n  port: 1\n  user: u\n  security:\n    ssl-ca: /ca\n    ssl-cert: /cert\n    ssl-key-bytes: |\n" + indented(pemText),
	} {
		text := head + target + rest
		want, _, err := DecodeTask("", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		FillSecurity(&want.Target.Security, files)
		stored := (SecretKey{}).StoredTask(text, files)
		got, _, err := DecodeTask("", []byte(stored))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s means something else: %v\n%s", what, err, stored)
		}
		if strings.Contains(stored, secret) || strings.Contains(stored, "c2VjcmV0") || strings.Contains(stored, "PRIVATE KEY") {
			t.Errorf("%s: a secret is kept in plain text:\n%s", what, stored)
		}
		if !strings.Contains(stored, "# of the shop") || !strings.Contains(stored, "# the first one") {
			t.Errorf("%s: comments are lost:\n%s", what, stored)
		}
		if again := (SecretKey{}).StoredTask(stored, nil); again != stored {
			t.Errorf("%s changes when it is stored again:\n%s", what, again)
		}
		form, _, err := (SecretKey{}).TaskForm(map[string]string{"s1": stored}, Masked)
		if err != nil || strings.Contains(form, "bytes") || strings.Contains(form, secret) {
			t.Errorf("%s is shown: %v\n%s", what, err, form)
		}
		form, _, err = (SecretKey{}).TaskForm(map[string]string{"s1": text}, Sealed)
		if err != nil || strings.Contains(form, "PRIVATE KEY") || strings.Contains(form, secret) {
			t.Errorf("%s is exported: %v\n%s", what, err, form)
		}
	}
	for what, text := range map[string]string{
		"encrypted":    head + "target-database: {host: h, port: 1, user: u,   password: " + sealed + "}" + rest,
		"no password":  head + "target-database: {host: h, port: 1, user: u}" + rest,
		"no task":      "name: [",
		"shared value": head + "target-database: {host: h, port: 1, user: &u " + secret + ", password: *u}" + rest,
	} {
		if got := (SecretKey{}).StoredTask(text, nil); got != text {
			t.Errorf("%s is rewritten:\n%s", what, got)
		}
	}
}

func indented(s string) string {
	return "      " + strings.TrimSpace(strings.ReplaceAll(s, "\n", "\n      ")) + "\n"
}
