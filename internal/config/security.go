package config

import (
	"encoding/base64"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/fault"
)

// Security is how a connection is encrypted.
type Security = endpoint.Security

// codeSecurity is DM's number for a TLS section that cannot be used.
const codeSecurity = 11112

// security gives the TLS between components. It needs all three files, since
// each component shows a certificate to each other. Half of it would leave the
// connections plain without a word.
func (c *common) security(op string, code int) (Security, error) {
	s := Security{CA: c.SSLCA, Cert: c.SSLCert, Key: c.SSLKey}
	for _, name := range c.CertAllowedCN {
		if name = strings.TrimSpace(name); name != "" {
			s.AllowedCN = append(s.AllowedCN, name)
		}
	}
	given, missing := "", ""
	for _, k := range []struct {
		key string
		set bool
	}{{"ssl-ca", s.CA != ""}, {"ssl-cert", s.Cert != ""}, {"ssl-key", s.Key != ""}} {
		switch {
		case !k.set && missing == "":
			missing = k.key
		case k.set && given == "":
			given = k.key
		}
	}
	if given == "" && len(s.AllowedCN) > 0 {
		given = "cert-allowed-cn"
	}
	if given != "" && missing != "" {
		f := keyFault(op, code, missing, "it is missing, and %s is given", given)
		f.Hint = "TLS between components needs ssl-ca, ssl-cert and ssl-key; remove all of them for plain connections"
		return Security{}, f
	}
	return s, nil
}

// encodeSecurity gives the lines of a program's file.
func encodeSecurity(s Security, line func(key, value string)) string {
	if !s.On() {
		return ""
	}
	line("ssl-ca", s.CA)
	line("ssl-cert", s.Cert)
	line("ssl-key", s.Key)
	if len(s.AllowedCN) == 0 {
		return ""
	}
	names := make([]string, len(s.AllowedCN))
	for i, n := range s.AllowedCN {
		names[i] = tomlText(n)
	}
	return "cert-allowed-cn = [" + strings.Join(names, ", ") + "]\n"
}

// scheme is what stands in front of addresses where URLs are expected.
func scheme(s Security) string {
	if s.On() {
		return "https://"
	}
	return "http://"
}

// security reads the TLS files of a database connection. The CA alone is enough
// to encrypt and to know the server; a certificate of one's own needs its key.
func security(dst *Security) func(value) error {
	return func(v value) error {
		if v.isNull() {
			return nil
		}
		var s Security
		var key string
		if err := v.object(keys{
			"ssl-ca":          text(&s.CA),
			"ssl-cert":        text(&s.Cert),
			"ssl-key":         text(&s.Key),
			"cert-allowed-cn": names(&s.AllowedCN),
			"ssl-ca-bytes":    contents(&s.CAText),
			"ssl-cert-bytes":  contents(&s.CertText),
			"ssl-key-bytes":   contents(&key),
		}); err != nil {
			return err
		}
		s.KeyText = Secret(key)
		if err := wholeSecurity(v, s); err != nil {
			return err
		}
		*dst = s
		return nil
	}
}

// wholeSecurity refuses a section of which a part is missing.
func wholeSecurity(v value, s Security) error {
	bad := func(missing, given string) error {
		return v.hinted(codeSecurity, "add "+missing+" with the path of its file, or remove "+given, "%s is missing, and %s is given", missing, given)
	}
	switch {
	case !s.On() && s.HasCert():
		return bad("ssl-ca", "ssl-cert")
	case !s.On() && s.HasKey():
		return bad("ssl-ca", "ssl-key")
	case !s.On() && len(s.AllowedCN) > 0:
		return bad("ssl-ca", "cert-allowed-cn")
	case s.HasCert() && !s.HasKey():
		return bad("ssl-key", "ssl-cert")
	case s.HasKey() && !s.HasCert():
		return bad("ssl-cert", "ssl-key")
	}
	return nil
}

// names reads a list of names without blanks around them.
func names(dst *[]string) func(value) error {
	return func(v value) error {
		if err := texts(dst)(v); err != nil {
			return err
		}
		for i := range *dst {
			(*dst)[i] = strings.TrimSpace((*dst)[i])
		}
		return nil
	}
}

// contents reads what stands in a file: PEM itself, PEM in base64, a ciphertext
// of it, or, as the first dmctl to send it writes it, a list of bytes.
func contents(dst *string) func(value) error {
	return func(v value) error {
		var raw string
		if v.node.Kind == yaml.SequenceNode {
			var b strings.Builder
			err := v.list(func(_ int, v value) error {
				var n int
				if err := number(&n, 0, 255)(v); err != nil {
					return v.hidden()
				}
				b.WriteByte(byte(n))
				return nil
			})
			if err != nil {
				return err
			}
			raw = b.String()
		} else if v.node.Kind != yaml.ScalarNode {
			return v.hidden()
		} else if !v.isNull() {
			raw = v.node.Value
		}
		if sealed := keyedForm.FindString(raw); sealed != "" && sealed == strings.TrimSpace(raw) {
			plain, err := v.doc.key.reveal(sealed)
			if err != nil {
				return v.unopened(err)
			}
			*dst = string(plain)
			return nil
		}
		if *dst = pemOf(raw); raw != "" && *dst == "" {
			return v.hidden()
		}
		return nil
	}
}

// hidden is an error about a value that is not to be seen.
func (v value) hidden() *fault.Error {
	return v.hinted(codeYAML, "write the contents of a PEM file, as they are or in base64", "expected the contents of a PEM file")
}

const pemMark = "-----BEGIN "

// pemOf finds the PEM in one of its forms, "" when there is none.
func pemOf(raw string) string {
	if strings.Contains(raw, pemMark) {
		return raw
	}
	packed := strings.Join(strings.Fields(raw), "")
	if plain, err := Decrypt(packed); err == nil && strings.Contains(plain, pemMark) {
		return plain
	}
	if plain, err := base64.StdEncoding.DecodeString(packed); err == nil && strings.Contains(string(plain), pemMark) {
		return string(plain)
	}
	return ""
}

// encodeDatabaseSecurity writes the section as YAML; the key is encrypted as
// passwords are.
func encodeDatabaseSecurity(s Security, k SecretKey, b *strings.Builder, indent string) {
	if !s.On() {
		return
	}
	fmt.Fprintf(b, "%ssecurity:\n", indent)
	for _, line := range []struct{ key, value string }{
		{"ssl-ca", s.CA}, {"ssl-cert", s.Cert}, {"ssl-key", s.Key},
		{"ssl-ca-bytes", base64.StdEncoding.EncodeToString([]byte(s.CAText))},
		{"ssl-cert-bytes", base64.StdEncoding.EncodeToString([]byte(s.CertText))},
		{"ssl-key-bytes", k.stable(s.KeyText)},
	} {
		if line.value != "" {
			fmt.Fprintf(b, "%s  %s: %s\n", indent, line.key, quoted(line.value))
		}
	}
	if len(s.AllowedCN) > 0 {
		fmt.Fprintf(b, "%s  cert-allowed-cn:\n", indent)
		for _, n := range s.AllowedCN {
			fmt.Fprintf(b, "%s    - %s\n", indent, quoted(n))
		}
	}
}
