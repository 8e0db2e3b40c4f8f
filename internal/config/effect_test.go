package config

import (
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// withoutTrace are the keys whose right values leave nothing to look at, and why.
func withoutTrace() map[string]string {
	return map[string]string{
		"loaders.import-mode":           "it names the only way there is; any other is refused",
		"instance.column-mapping-rules": "it refers to a section that can only be empty",
	}
}

// TestEveryKeyHasAnEffect: each key of a source and a task file does one of three
// things. It changes something that code outside of this package reads. Or it has no
// effect: then the operator is told, and docs/limits.md names it there. Or it is
// refused, and docs/limits.md says so, too.
func TestEveryKeyHasAnEffect(t *testing.T) {
	if testing.Short() {
		t.Skip("it checks the types of all programs")
	}
	read := readFields(t)
	docs, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	all, inert, ok := strings.Cut(string(docs), "\n## Accepted without effect\n")
	inert, _, ok2 := strings.Cut(inert, "\n## ")
	if !ok || !ok2 {
		t.Fatal("docs/limits.md has lost its sections")
	}
	seen := map[string]bool{}
	for name, section := range valueSections() {
		values := exampleValues()[name]
		for _, key := range strings.Fields(section.table) {
			v, id := values[key], name+"."+key
			file := section.file
			if v.file != "" {
				file = v.file
			}
			base, _, err := decodeAny(file, file)
			if err != nil {
				t.Fatalf("%s: %s: %v", id, file, err)
			}
			got, warnings, err := decodeAny(file, put(t, file, section.path, key, v.right))
			named := func(docs string) bool {
				return slices.ContainsFunc([]string{key + "`", key + ":", key + ".*`", name + ".*`"}, func(s string) bool { return strings.Contains(docs, "`"+s) })
			}
			if fault.Is(err, fault.Unsupported) {
				if !named(all) {
					t.Errorf("%s is refused, and docs/limits.md does not say so", id)
				}
				continue
			}
			changed := map[string]bool{}
			differ(reflect.ValueOf(base), reflect.ValueOf(got), "", changed)
			differ(reflect.ValueOf(subtasks(base)), reflect.ValueOf(subtasks(got)), "", changed)
			by := ""
			for _, field := range slices.Sorted(maps.Keys(changed)) {
				if at := read[field]; at != "" && by == "" {
					by = field + ", read in " + at
				}
			}
			why, excepted := withoutTrace()[id]
			seen[id] = excepted
			switch {
			case by != "" && !excepted:
				t.Logf("%s: %s", id, by)
			case len(changed) > 0:
				t.Errorf("%s is kept in %v, which nobody reads", id, slices.Sorted(maps.Keys(changed)))
			case excepted:
				t.Logf("%s: %s", id, why)
			case len(warnings) == 0:
				t.Errorf("%s has no effect, and nobody is told", id)
			case !named(inert):
				t.Errorf("%s has no effect, and docs/limits.md does not name it among such keys", id)
			default:
				t.Logf("%s: %s", id, warnings[0])
			}
		}
	}
	for id := range withoutTrace() {
		if !seen[id] {
			t.Errorf("%s is an exception and no key", id)
		}
	}
}

// subtasks gives what workers get of a file.
func subtasks(file any) []Subtask {
	task, src := Task{}, Source{}
	switch f := file.(type) {
	case Task:
		task = f
	case Source:
		src = f
		task, _, _ = DecodeTask("", []byte(plainTask))
		task.Instances[0].SourceID = src.SourceID
	}
	var out []Subtask
	for _, id := range task.Sources() {
		of := src
		if of.SourceID != id {
			of = Source{SourceID: id}
		}
		if sub, err := task.Subtask(of); err == nil {
			out = append(out, sub)
		}
	}
	return out
}

// differ collects the fields, as package.Type.Field, in which two values differ;
// field is what they are in.
func differ(a, b reflect.Value, field string, out map[string]bool) {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		out[field] = true
		return
	}
	switch a.Kind() {
	case reflect.Invalid, reflect.Func:
	case reflect.Pointer, reflect.Interface:
		differ(a.Elem(), b.Elem(), field, out)
	case reflect.Struct:
		t := a.Type()
		for i := range t.NumField() {
			inner := field
			if strings.HasPrefix(t.PkgPath(), ourModule) {
				name, _, _ := strings.Cut(t.Name(), "[")
				inner = t.PkgPath() + "." + name + "." + t.Field(i).Name
			}
			differ(a.Field(i), b.Field(i), inner, out)
		}
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			out[field] = true
			return
		}
		for i := range a.Len() {
			differ(a.Index(i), b.Index(i), field, out)
		}
	case reflect.Map:
		for _, k := range append(a.MapKeys(), b.MapKeys()...) {
			differ(a.MapIndex(k), b.MapIndex(k), field, out)
		}
	default:
		if !a.Equal(b) {
			out[field] = true
		}
	}
}
