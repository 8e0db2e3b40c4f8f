package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// print writes a response and answers errRefused when --fail asks for it.
func (s *shared) print(m proto.Message) error {
	w := writer{}
	w.message(m.ProtoReflect(), 0)
	fmt.Fprintln(s.Stdout, w.String())
	if s.fail && w.refused {
		return errRefused
	}
	return nil
}

// printPlain writes JSON that is not a message.
func (s *shared) printPlain(v any, refused bool) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	fmt.Fprint(s.Stdout, b.String())
	if s.fail && refused {
		return errRefused
	}
	return nil
}

// writer renders messages as DM's dmctl does: original names, every field in
// the order of the .proto file, defaults included, 64-bit integers as strings,
// enums by name, absent messages and bytes as null, and empty lists on two lines.
// protojson is not used because its spacing differs from run to run.
type writer struct {
	strings.Builder
	refused bool // a result that is false was written
}

func (w *writer) line(depth int) {
	w.WriteByte('\n')
	for range depth {
		w.WriteString("    ")
	}
}

func (w *writer) message(m protoreflect.Message, depth int) {
	w.WriteByte('{')
	fields := m.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.ContainingOneof() != nil && !m.Has(f) {
			continue
		}
		if !first {
			w.WriteByte(',')
		}
		first = false
		w.line(depth + 1)
		w.text(string(f.Name()))
		w.WriteString(": ")
		w.field(m, f, depth+1)
		w.refused = w.refused || (f.Name() == "result" && f.Kind() == protoreflect.BoolKind && !m.Get(f).Bool())
	}
	if !first {
		w.line(depth)
	}
	w.WriteByte('}')
}

func (w *writer) field(m protoreflect.Message, f protoreflect.FieldDescriptor, depth int) {
	switch {
	case f.IsList():
		list := m.Get(f).List()
		w.WriteByte('[')
		for i := range list.Len() {
			if i > 0 {
				w.WriteByte(',')
			}
			w.line(depth + 1)
			w.value(f, list.Get(i), depth+1)
		}
		w.line(depth)
		w.WriteByte(']')
	case f.IsMap():
		w.entries(m.Get(f).Map(), f, depth)
	case f.Message() != nil && !m.Has(f):
		w.WriteString("null")
	default:
		w.value(f, m.Get(f), depth)
	}
}

func (w *writer) entries(entries protoreflect.Map, f protoreflect.FieldDescriptor, depth int) {
	var keys []string
	for k := range entries.Range {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	w.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			w.WriteByte(',')
		}
		w.line(depth + 1)
		w.text(k)
		w.WriteString(": ")
		w.value(f.MapValue(), entries.Get(protoreflect.ValueOfString(k).MapKey()), depth+1)
	}
	w.line(depth)
	w.WriteByte('}')
}

func (w *writer) value(f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) {
	switch f.Kind() {
	case protoreflect.BoolKind:
		w.WriteString(strconv.FormatBool(v.Bool()))
	case protoreflect.Int32Kind:
		w.WriteString(strconv.FormatInt(v.Int(), 10))
	case protoreflect.Int64Kind:
		w.WriteString(strconv.Quote(strconv.FormatInt(v.Int(), 10)))
	case protoreflect.Uint64Kind:
		w.WriteString(strconv.Quote(strconv.FormatUint(v.Uint(), 10)))
	case protoreflect.DoubleKind:
		w.number(v.Float())
	case protoreflect.EnumKind:
		if d := f.Enum().Values().ByNumber(v.Enum()); d != nil {
			w.text(string(d.Name()))
			return
		}
		w.WriteString(strconv.Itoa(int(v.Enum())))
	case protoreflect.BytesKind:
		if len(v.Bytes()) == 0 {
			w.WriteString("null")
			return
		}
		w.text(base64.StdEncoding.EncodeToString(v.Bytes()))
	case protoreflect.MessageKind:
		w.message(v.Message(), depth)
	default:
		w.words(v.String(), depth)
	}
}

// checkFailed is how the message about failed checks begins. DM prints that
// one as it is, line by line: it is for people, and no JSON any more.
const checkFailed = "fail to check synchronization configuration with type"

func (w *writer) words(s string, depth int) {
	if !strings.Contains(s, checkFailed) {
		w.text(s)
		return
	}
	indent := "\n" + strings.Repeat("    ", depth)
	w.WriteString(`"` + strings.NewReplacer("\n", indent, "\t", "    ").Replace(s) + `"`)
}

// number writes a float as encoding/json does; what JSON cannot hold, as text.
func (w *writer) number(x float64) {
	b, err := json.Marshal(x)
	if err != nil {
		w.text(strconv.FormatFloat(x, 'g', -1, 64))
		return
	}
	w.Write(b)
}

func (w *writer) text(s string) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string and a buffer cannot fail
	w.Write(bytes.TrimRight(b.Bytes(), "\n"))
}
