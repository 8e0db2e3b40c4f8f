package config

import (
	"bytes"
	"encoding/base64"
	"reflect"

	"gopkg.in/yaml.v3"
)

// FillSecurity adds the contents of files, by their paths, to a TLS section: all
// of its files or none, since a certificate needs its own key. What was given in
// the configuration itself stays.
func FillSecurity(s *Security, files map[string]string) {
	if s.CAText != "" || s.CertText != "" || s.KeyText != "" {
		return
	}
	paths := s.Paths()
	for _, path := range paths {
		if files[path] == "" {
			return
		}
	}
	if len(paths) > 0 {
		s.CAText, s.CertText, s.KeyText = files[s.CA], files[s.Cert], Secret(files[s.Key])
	}
}

// StoredTask gives a task file as the cluster keeps it: the password and the key
// of the target are encrypted, as those of sources are, and the contents of TLS
// files are put in. Where nothing is to do the text stays as it is; else its
// comments do.
func (k SecretKey) StoredTask(text string, files map[string]string) string {
	return k.rewriteTask(text, files, k)
}

// TaskForWorker gives a stored task as workers get it, who have no key of their
// own: with its secrets under DM's public key. What cannot be opened stays as it
// is, and the worker says so.
func (k SecretKey) TaskForWorker(text string) string {
	if len(k.own) == 0 {
		return text
	}
	return k.rewriteTask(text, nil, SecretKey{})
}

// SourceForWorker gives a stored source as workers get it.
func (k SecretKey) SourceForWorker(text string) string {
	if len(k.own) == 0 {
		return text
	}
	src, _, err := k.DecodeSource("", []byte(text))
	if err != nil {
		return text
	}
	return SecretKey{}.EncodeSource(src)
}

// reseal gives the ciphertext of what stands in a file.
func (k SecretKey) reseal(text string) string {
	plain, err := k.reveal(text)
	if err != nil {
		return text
	}
	return k.stable(plain)
}

// rewriteTask opens the secrets of a task and encrypts them with another key.
func (k SecretKey) rewriteTask(text string, files map[string]string, to SecretKey) string {
	want, _, err := k.DecodeTask("", []byte(text))
	if err != nil {
		return text
	}
	FillSecurity(&want.Target.Security, files)
	doc, changed := to.sealedTask(text, want.Target)
	if !changed {
		return text
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if enc.Encode(doc) != nil || enc.Close() != nil {
		return text
	}
	// What was written has to mean the same: an anchor at the password that
	// stands for something else, too, would not.
	got, _, err := to.DecodeTask("", b.Bytes())
	if err != nil || !reflect.DeepEqual(got, want) {
		return text
	}
	return b.String()
}

// sealedTask rewrites the nodes of a task file with the target's secrets.
func (k SecretKey) sealedTask(text string, db Database) (doc *yaml.Node, changed bool) {
	doc = &yaml.Node{}
	if yaml.Unmarshal([]byte(text), doc) != nil || len(doc.Content) == 0 {
		return nil, false
	}
	root := value{doc: &document{}, node: doc.Content[0]}
	target := root.child("target-database")
	if pw := target.child("password"); pw.node != nil && !pw.isNull() && pw.node.Value != "" {
		if !k.standing(pw.node.Value) {
			setText(pw.node, k.stable(db.Password))
			changed = true
		}
	}
	tls := target.child("security")
	if tls.node == nil || tls.node.Kind != yaml.MappingNode {
		return doc, changed
	}
	sec := db.Security
	for _, line := range []struct{ key, text string }{
		{"ssl-ca-bytes", base64.StdEncoding.EncodeToString([]byte(sec.CAText))},
		{"ssl-cert-bytes", base64.StdEncoding.EncodeToString([]byte(sec.CertText))},
		{"ssl-key-bytes", k.stable(sec.KeyText)},
	} {
		have := tls.child(line.key)
		switch {
		case line.text == "" || have.node != nil && have.node.Value == line.text:
		case have.node != nil:
			*have.node = *textNode(line.text)
			changed = true
		default:
			mapSet(tls.node, line.key, textNode(line.text))
			changed = true
		}
	}
	return doc, changed
}

// child is the value of a key, also of one that is merged in; its node is nil
// when there is none.
func (v value) child(key string) value {
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		return value{}
	}
	pairs, err := v.pairs(0)
	if err != nil {
		return value{}
	}
	for _, p := range pairs {
		if p.key == key {
			return p.value
		}
	}
	return value{}
}

// setText changes a scalar and keeps its comments.
func setText(n *yaml.Node, s string) {
	n.Value, n.Tag, n.Style = s, "!!str", yaml.DoubleQuotedStyle
}
