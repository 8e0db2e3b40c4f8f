package rpc

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/raftdm/raftdm/rpc/pb"
)

// TestWireIsDMs compares every service, enum and message of pb with the listing
// of what DM's tools speak, in both directions.
func TestWireIsDMs(t *testing.T) {
	data, err := os.ReadFile("testdata/wire.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Split(strings.TrimSpace(string(data)), "\n")
	var ours []string
	for _, f := range []protoreflect.FileDescriptor{pb.File_dmmaster_proto, pb.File_dmworker_proto} {
		if f.Package() != "pb" {
			t.Fatalf("%s is of package %s", f.Path(), f.Package())
		}
		ours = append(ours, describeFile(f)...)
	}
	for _, line := range listed {
		if line = normal(line); !slices.Contains(ours, line) {
			t.Errorf("listed but not ours: %s", line)
		}
	}
	for _, line := range ours {
		if !slices.ContainsFunc(listed, func(l string) bool { return normal(l) == line }) {
			t.Errorf("ours but not listed: %s", line)
		}
	}
	if methods := pb.File_dmmaster_proto.Services().Get(0).Methods().Len(); methods != 28 {
		t.Errorf("pb.Master has %d methods", methods)
	}
	if methods := pb.File_dmworker_proto.Services().Get(0).Methods().Len(); methods != 11 {
		t.Errorf("pb.Worker has %d methods", methods)
	}
}

// firstOwn is where the numbers of fields begin that DM does not have.
const firstOwn = 1000

var oneofNote = regexp.MustCompile(` \(oneof \w+\)`)

// normal takes off what a descriptor does not say in the same place.
func normal(line string) string { return oneofNote.ReplaceAllString(line, "") }

func describeFile(f protoreflect.FileDescriptor) []string {
	var out []string
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		out = append(out, "Service `"+string(s.FullName())+"`:")
		for j := range s.Methods().Len() {
			m := s.Methods().Get(j)
			out = append(out, "- "+string(m.Name())+": "+string(m.Input().Name())+" -> "+string(m.Output().Name()))
		}
	}
	for i := range f.Enums().Len() {
		e := f.Enums().Get(i)
		var values []string
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			values = append(values, string(v.Name())+"="+strconv.Itoa(int(v.Number())))
		}
		out = append(out, "- enum "+string(e.Name())+": "+strings.Join(values, ", "))
	}
	for i := range f.Messages().Len() {
		m := f.Messages().Get(i)
		var fields []string
		for j := range m.Fields().Len() {
			if m.Fields().Get(j).Number() >= firstOwn {
				continue
			}
			fields = append(fields, describeField(m.Fields().Get(j)))
		}
		out = append(out, "- "+string(m.Name())+" { "+strings.Join(fields, ", ")+" }")
	}
	return out
}

func describeField(f protoreflect.FieldDescriptor) string {
	out := strconv.Itoa(int(f.Number())) + ":" + string(f.Name()) + " "
	switch {
	case f.IsMap():
		return out + "map<" + typeName(f.MapKey()) + "," + typeName(f.MapValue()) + ">"
	case f.IsList():
		return out + typeName(f) + " r"
	default:
		return out + typeName(f)
	}
}

func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return string(f.Message().Name())
	case f.Enum() != nil:
		return string(f.Enum().Name())
	default:
		return f.Kind().String()
	}
}

func TestOneofs(t *testing.T) {
	for message, want := range map[protoreflect.Name]string{
		"Members": "member: leader master worker", "SubTaskStatus": "status: msg check dump load sync",
		"SubTaskError": "error: msg check dump load sync",
	} {
		m := pb.File_dmmaster_proto.Messages().ByName(message)
		if m == nil {
			m = pb.File_dmworker_proto.Messages().ByName(message)
		}
		o := m.Oneofs().Get(0)
		got := string(o.Name()) + ":"
		for i := range o.Fields().Len() {
			got += " " + string(o.Fields().Get(i).Name())
		}
		if got != want {
			t.Errorf("%s: oneof %s, want %s", message, got, want)
		}
	}
}
