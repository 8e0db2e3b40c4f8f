package config

import (
	"bytes"
	_ "embed" // the forms are files, so that a person can read them as such
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/raftdm/raftdm/internal/fault"
)

// A form is how a stored configuration is shown and exported: every key of DM,
// in DM's order, with its default where the file does not set it. A form is made
// from the text of the file and not from what was decoded, so that it loses no
// key that the file has, also none that a later version adds.

//go:embed forms/source.yaml
var formSource []byte

//go:embed forms/task.yaml
var formTask []byte

//go:embed forms/parts.yaml
var formParts []byte

// Secrecy says what a form shows in the place of secrets.
type Secrecy uint8

// The ways to write secrets.
const (
	// Masked forms are for people's eyes: stars, and no keys of certificates.
	Masked Secrecy = iota
	// Sealed forms can be read back: passwords are encrypted. Keys that DM 2.0
	// does not have are left out as long as they have their default.
	Sealed
)

// mask is what DM shows for a password.
const mask = "******"

// SourceForm gives a source's configuration text as a form.
func (k SecretKey) SourceForm(text string, s Secrecy) (string, error) {
	root, err := tree("source", text)
	if err != nil {
		return "", err
	}
	k.secrets(mapGet(root, "from"), s)
	return printForm(fill(mustTree(formSource), root))
}

// tree reads a stored text into plain nodes: without comments, styles, aliases
// and merge keys.
func tree(what, text string) (*yaml.Node, error) {
	d := &document{op: "read the configuration of " + what}
	root, err := d.parse([]byte(text))
	if err != nil {
		return nil, err
	}
	return plainNode(root, 0)
}

func mustTree(data []byte) *yaml.Node {
	n, err := tree("a form", string(data))
	if err != nil {
		panic("config: a form that is compiled in is readable: " + err.Error())
	}
	return n
}

// plainNode copies a value. The depth is bounded: an alias may contain itself.
func plainNode(v value, depth int) (*yaml.Node, error) {
	const deepest = 32
	if depth > deepest {
		return nil, v.errorf(codeYAML, "the values are nested too deeply")
	}
	switch v.node.Kind {
	case yaml.MappingNode:
		out := &yaml.Node{Kind: yaml.MappingNode}
		pairs, err := v.pairs(0)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			n, err := plainNode(p.value, depth+1)
			if err != nil {
				return nil, err
			}
			mapSet(out, p.key, n)
		}
		return out, nil
	case yaml.SequenceNode:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		err := v.list(func(_ int, v value) error {
			n, err := plainNode(v, depth+1)
			out.Content = append(out.Content, n)
			return err
		})
		return out, err
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: v.node.Tag, Value: v.node.Value}, nil
	}
}

// fill gives the keys of a form in their order with the values that are set,
// and behind them the keys that the form does not know.
func fill(form, have *yaml.Node) *yaml.Node {
	if have == nil || isNullNode(have) {
		return form
	}
	if form.Kind != yaml.MappingNode || have.Kind != yaml.MappingNode || len(form.Content) == 0 {
		return have
	}
	out := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(form.Content); i += 2 {
		key := form.Content[i].Value
		mapSet(out, key, fill(form.Content[i+1], mapGet(have, key)))
	}
	for i := 0; i+1 < len(have.Content); i += 2 {
		if mapGet(form, have.Content[i].Value) == nil {
			mapSet(out, have.Content[i].Value, have.Content[i+1])
		}
	}
	return out
}

// secrets rewrites the secrets of a from or target-database map. What cannot be
// opened stays as it is: a ciphertext.
func (k SecretKey) secrets(db *yaml.Node, s Secrecy) {
	if db == nil || db.Kind != yaml.MappingNode {
		return
	}
	password := ""
	if n := mapGet(db, "password"); n != nil && !isNullNode(n) {
		password = n.Value
	}
	if s == Masked {
		mapSet(db, "password", textNode(mask))
	} else {
		mapSet(db, "password", textNode(k.reseal(password)))
	}
	tls := mapGet(db, "security")
	if tls == nil || tls.Kind != yaml.MappingNode {
		return
	}
	if key := mapGet(tls, "ssl-key-bytes"); s == Sealed && key != nil {
		var text string
		if contents(&text)(value{doc: &document{key: k}, node: key}) == nil && text != "" {
			mapSet(tls, "ssl-key-bytes", textNode(k.stable(Secret(text))))
		}
	}
	if s != Masked {
		return
	}
	for _, key := range []string{"ssl-ca-bytes", "ssl-cert-bytes", "ssl-key-bytes"} {
		mapDel(tls, key)
	}
}

func printForm(n *yaml.Node) (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return "", fault.Wrap("write a configuration", err)
	}
	return b.String(), enc.Close()
}

func textNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func isNullNode(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// mapGet gives the value of a key, nil when the map does not have it.
func mapGet(m *yaml.Node, key string) *yaml.Node {
	if i := mapIndex(m, key); i >= 0 {
		return m.Content[i+1]
	}
	return nil
}

func mapSet(m *yaml.Node, key string, v *yaml.Node) {
	if i := mapIndex(m, key); i >= 0 {
		m.Content[i+1] = v
		return
	}
	m.Content = append(m.Content, textNode(key), v)
}

func mapDel(m *yaml.Node, key string) {
	if i := mapIndex(m, key); i >= 0 {
		m.Content = slices.Delete(m.Content, i, i+2)
	}
}

func mapIndex(m *yaml.Node, key string) int {
	if m == nil || m.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return i
		}
	}
	return -1
}
