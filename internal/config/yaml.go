package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/raftdm/raftdm/internal/fault"
)

// Codes of DM for files that cannot be read at all.
const (
	codeTOML = 20002
	codeYAML = 20003
)

// document is one file while it is being read.
type document struct {
	op       string // "decode task config"
	file     string
	key      SecretKey // opens what is encrypted
	warnings []string
}

// value is a node of the file and the path that leads to it.
type value struct {
	doc  *document
	path string
	line int // of its key, or of itself where it has none
	node *yaml.Node
}

// keys are the known keys of a map, each with what reads its value.
type keys map[string]func(value) error

// parse reads data as one YAML document and gives its root.
func (d *document) parse(data []byte) (value, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return value{}, d.fault(0, "", codeYAML, "the file is empty")
		}
		return value{}, d.syntax(err)
	}
	var next yaml.Node
	switch err := dec.Decode(&next); {
	case err == nil:
		return value{}, d.fault(next.Line, "", codeYAML, "a second YAML document begins here; only one is allowed")
	case !errors.Is(err, io.EOF):
		return value{}, d.syntax(err)
	}
	return value{doc: d, line: root.Content[0].Line, node: root.Content[0]}, nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?((?s).*)$`)

// syntax turns the YAML library's error into ours: the line is only in its text.
func (d *document) syntax(err error) error {
	line, msg := 0, err.Error()
	if m := yamlError.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = m[2]
	}
	hint := "correct the YAML syntax: two blanks of indentation per level, a blank after each colon, quotes around values with special characters"
	if strings.Contains(msg, "unknown anchor") {
		// The library quotes the text behind the star, which may be a password.
		msg, hint = "a value begins with * but is not a known YAML alias", "put quotes around values that begin with *"
	}
	f := d.fault(line, "", codeYAML, "not valid YAML: %s", msg)
	f.Hint = hint
	return f
}

// where gives "file:line" or what is known of it.
func (d *document) where(line int) string {
	switch {
	case line == 0:
		return d.file
	case d.file == "":
		return "line " + strconv.Itoa(line)
	default:
		return d.file + ":" + strconv.Itoa(line)
	}
}

// fault makes the one form of error of this package: "file:line: key: sentence".
func (d *document) fault(line int, path string, code int, format string, args ...any) *fault.Error {
	return &fault.Error{Op: d.op, Kind: fault.Invalid, Code: code, Msg: d.message(line, path, format, args...)}
}

func (d *document) message(line int, path, format string, args ...any) string {
	parts := make([]string, 0, 3)
	for _, p := range []string{d.where(line), path, fmt.Sprintf(format, args...)} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ": ")
}

// errorf is an error at v with DM's code for it.
func (v value) errorf(code int, format string, args ...any) *fault.Error {
	return v.doc.fault(v.line, v.path, code, format, args...)
}

// unopened is the error for a secret that cannot be decrypted; why says the reason.
func (v value) unopened(why error) *fault.Error {
	var f *fault.Error
	if !errors.As(why, &f) {
		return v.errorf(20010, "%v", why)
	}
	return v.hinted(f.Code, f.Hint, "%s", f.Msg)
}

// hinted is errorf with advice.
func (v value) hinted(code int, hint, format string, args ...any) *fault.Error {
	f := v.errorf(code, format, args...)
	f.Hint = hint
	return f
}

// warn keeps a remark about v for the operator.
func (v value) warn(format string, args ...any) {
	v.doc.warnings = append(v.doc.warnings, v.doc.message(v.line, v.path, format, args...))
}

// unsupported refuses the key that v belongs to.
func (v value) unsupported() *fault.Error {
	return &fault.Error{Op: v.doc.op, Kind: fault.Unsupported, Code: codeYAML,
		Msg: v.doc.message(v.line, "", "not supported yet: %s", v.path), Hint: "remove this key to go on without it"}
}

// at is the value of a key, at a line, below v.
func (v value) at(key string, line int, node *yaml.Node) value {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	path := key
	if v.path != "" {
		path = v.path + "." + key
	}
	return value{doc: v.doc, path: path, line: line, node: node}
}

// isNull tells whether nothing was written behind the key.
func (v value) isNull() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.Tag == "!!null"
}

// expected is the error for a value of the wrong type. Values are shown only
// where the key cannot be a password: scalars of typed keys.
func (v value) expected(want string) error {
	return v.errorf(codeYAML, "expected %s, got %s", want, v.kind())
}

func (v value) kind() string {
	switch {
	case v.node.Kind == yaml.MappingNode:
		return "a map of keys"
	case v.node.Kind == yaml.SequenceNode:
		return "a list"
	case v.isNull():
		return "nothing"
	default:
		return strconv.Quote(v.node.Value)
	}
}

// pairs gives the keys of a map in the order of the file, merge keys (<<)
// resolved: a key of the map itself wins over a merged one.
func (v value) pairs(depth int) ([]pair, error) {
	const deepest = 16 // an anchor may be merged into itself
	if v.isNull() {
		return nil, nil
	}
	if v.node.Kind != yaml.MappingNode || depth > deepest {
		return nil, v.expected("a map of keys")
	}
	var out, merged []pair
	seen := map[string]bool{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		k, n := v.node.Content[i], v.node.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			return nil, v.doc.fault(k.Line, v.path, codeYAML, "a key must be plain text")
		}
		if k.Tag == "!!merge" {
			more, err := v.merge(n, depth+1)
			if err != nil {
				return nil, err
			}
			merged = append(merged, more...)
			continue
		}
		at := v.at(k.Value, k.Line, n)
		if seen[k.Value] {
			return nil, at.errorf(codeYAML, "the key stands here a second time")
		}
		seen[k.Value] = true
		out = append(out, pair{key: k.Value, value: at})
	}
	for _, p := range merged {
		if !seen[p.key] {
			seen[p.key] = true
			out = append(out, p)
		}
	}
	return out, nil
}

// pair is one key of a map.
type pair struct {
	key   string
	value value
}

// merge gives the pairs that a merge key brings in: of a map or a list of maps.
func (v value) merge(n *yaml.Node, depth int) ([]pair, error) {
	from := value{doc: v.doc, path: v.path, line: n.Line, node: n}
	if n.Kind == yaml.AliasNode {
		from.node = n.Alias
	}
	if from.node.Kind != yaml.SequenceNode {
		return from.pairs(depth)
	}
	var out []pair
	for _, c := range from.node.Content {
		if c.Kind == yaml.AliasNode {
			c = c.Alias
		}
		more, err := value{doc: v.doc, path: v.path, line: c.Line, node: c}.pairs(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// object reads a map whose keys are all known.
func (v value) object(known keys) error {
	pairs, err := v.pairs(0)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		read, ok := known[p.key]
		if !ok {
			return v.unknown(p, known)
		}
		if err := read(p.value); err != nil {
			return err
		}
	}
	return nil
}

// unknown is the error for a key that DM does not have either.
func (v value) unknown(p pair, known keys) error {
	f := p.value.errorf(codeYAML, "unknown key")
	f.Hint = "remove it, or check its spelling and indentation"
	if kind := otherKind(p, known); kind != "" {
		f.Hint = kind
		return f
	}
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	if near := nearest(p.key, names); near != "" {
		f.Hint = fmt.Sprintf("did you mean %q?", near)
	}
	return f
}

// otherKind tells of a file that was given to the wrong command.
func otherKind(p pair, known keys) string {
	_, source := known["source-id"]
	_, task := known["task-mode"]
	switch {
	case p.value.path != p.key:
		return ""
	case source && contains([]string{"task-mode", "target-database", "mysql-instances", "name"}, p.key):
		return "this is a task file: give it to start-task or check-task"
	case task && contains([]string{"source-id", "from"}, p.key):
		return "this is a source file: give it to operate-source create"
	}
	return ""
}

// each reads a map with keys of the user's choice.
func (v value) each(read func(name string, v value) error) error {
	pairs, err := v.pairs(0)
	if err != nil {
		return err
	}
	for _, p := range pairs {
		if err := read(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// list reads a list.
func (v value) list(read func(i int, v value) error) error {
	if v.isNull() {
		return nil
	}
	if v.node.Kind != yaml.SequenceNode {
		return v.expected("a list")
	}
	for i, n := range v.node.Content {
		line := n.Line
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if err := read(i, value{doc: v.doc, path: fmt.Sprintf("%s[%d]", v.path, i), line: line, node: n}); err != nil {
			return err
		}
	}
	return nil
}
