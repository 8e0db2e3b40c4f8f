package rowtest

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// storage is how a column is stored.
type storage struct {
	typ  byte
	meta []byte
	put  func(v any) ([]byte, error)
}

func (s storage) bytes(t TB, v any) []byte {
	t.Helper()
	out, err := s.put(v)
	if err != nil {
		t.Fatalf("a %T (%v) for a column of type number %d: %v", v, v, s.typ, err)
	}
	return out
}

// storageOf reads a column's declaration.
func storageOf(t TB, declared string) storage {
	t.Helper()
	name, args, rest := split(declared)
	s, ok := number(name, args)
	if !ok {
		s, ok = temporal(name, args)
	}
	if !ok {
		s, ok = characters(name, args, rest)
	}
	if !ok {
		t.Fatalf("%q is no type of a column here", declared)
	}
	return s
}

func storages(t TB, columns []string) []storage {
	t.Helper()
	out := make([]storage, len(columns))
	for i, c := range columns {
		out[i] = storageOf(t, c)
	}
	return out
}

// split gives the type's name, what its brackets hold, and all behind them.
func split(declared string) (name, args, rest string) {
	declared = strings.ToLower(strings.TrimSpace(declared))
	old := strings.HasPrefix(declared, "old ")
	declared = strings.TrimPrefix(declared, "old ")
	end := strings.IndexAny(declared, "( ")
	if end < 0 {
		end = len(declared)
	}
	name, rest = declared[:end], declared[end:]
	if strings.HasPrefix(rest, "(") {
		quoted := false
		for i, b := range rest {
			if b == '\'' {
				quoted = !quoted
			}
			if b == ')' && !quoted {
				args, rest = rest[1:i], rest[i+1:]
				break
			}
		}
	}
	if old {
		name = "old " + name
	}
	return name, args, rest
}

// arg reads the nth number in brackets.
func arg(args string, n, otherwise int) int {
	if parts := strings.Split(args, ","); n < len(parts) {
		if i, err := strconv.Atoi(strings.TrimSpace(parts[n])); err == nil {
			return i
		}
	}
	return otherwise
}

func number(name, args string) (storage, bool) {
	switch name {
	case "tinyint", "bool", "boolean":
		return storage{mysql.MYSQL_TYPE_TINY, nil, little(1)}, true
	case "smallint":
		return storage{mysql.MYSQL_TYPE_SHORT, nil, little(2)}, true
	case "mediumint":
		return storage{mysql.MYSQL_TYPE_INT24, nil, little(3)}, true
	case "int", "integer":
		return storage{mysql.MYSQL_TYPE_LONG, nil, little(4)}, true
	case "bigint", "serial":
		return storage{mysql.MYSQL_TYPE_LONGLONG, nil, little(8)}, true
	case "year":
		return storage{mysql.MYSQL_TYPE_YEAR, nil, year}, true
	case "bit":
		n := arg(args, 0, 1)
		return storage{mysql.MYSQL_TYPE_BIT, []byte{byte(n % 8), byte(n / 8)}, func(v any) ([]byte, error) {
			bits, err := integer(v)
			return binary.BigEndian.AppendUint64(nil, bits)[8-(n+7)/8:], err
		}}, true
	case "float":
		return storage{mysql.MYSQL_TYPE_FLOAT, []byte{4}, func(v any) ([]byte, error) {
			f, err := floating(v)
			return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(f))), err
		}}, true
	case "double":
		return storage{mysql.MYSQL_TYPE_DOUBLE, []byte{8}, func(v any) ([]byte, error) {
			f, err := floating(v)
			return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)), err
		}}, true
	case "decimal", "numeric":
		precision, scale := arg(args, 0, 10), arg(args, 1, 0)
		return storage{mysql.MYSQL_TYPE_NEWDECIMAL, []byte{byte(precision), byte(scale)}, decimal(precision, scale)}, true
	}
	return storage{}, false
}

// characters knows all that is stored with a length, and ENUM and SET.
func characters(name, args, rest string) (storage, bool) {
	width := 4 // bytes of a character
	for _, one := range []string{"latin1", "ascii", "cp1251"} {
		if strings.Contains(rest, one) {
			width = 1
		}
	}
	compressed := strings.Contains(rest, "compressed")
	switch name {
	case "varbinary":
		width = 1
		fallthrough
	case "varchar":
		most := arg(args, 0, 255) * width
		typ := byte(mysql.MYSQL_TYPE_VARCHAR)
		if compressed {
			typ = rowevent.TypeVarcharCompressed
			most++
		}
		return storage{typ, binary.LittleEndian.AppendUint16(nil, uint16(most)), text(lengthBytes(most))}, true
	case "binary":
		width = 1
		fallthrough
	case "char":
		return char(mysql.MYSQL_TYPE_STRING, arg(args, 0, 1)*width), true
	case "uuid", "inet6":
		return char(mysql.MYSQL_TYPE_STRING, 16), true
	case "inet4":
		return char(mysql.MYSQL_TYPE_STRING, 4), true
	case "enum", "set":
		return elements(name, args), true
	}
	typ, prefix := blob(name)
	if compressed && typ == mysql.MYSQL_TYPE_BLOB {
		typ = rowevent.TypeBlobCompressed
	}
	return storage{typ, []byte{byte(prefix)}, text(prefix)}, prefix > 0
}

func blob(name string) (typ byte, prefix int) {
	switch name {
	case "tinytext", "tinyblob":
		return mysql.MYSQL_TYPE_BLOB, 1
	case "text", "blob":
		return mysql.MYSQL_TYPE_BLOB, 2
	case "mediumtext", "mediumblob":
		return mysql.MYSQL_TYPE_BLOB, 3
	case "longtext", "longblob":
		return mysql.MYSQL_TYPE_BLOB, 4
	case "json":
		return mysql.MYSQL_TYPE_JSON, 4
	case "vector":
		return mysql.MYSQL_TYPE_VECTOR, 4
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
		return mysql.MYSQL_TYPE_GEOMETRY, 4
	}
	return 0, 0
}

// char stores two bits of a length beyond 255 in the type's byte, turned around.
func char(typ byte, most int) storage {
	return storage{mysql.MYSQL_TYPE_STRING, []byte{typ ^ byte(most>>4&0x30), byte(most)}, text(lengthBytes(most))}
}

func elements(name, args string) storage {
	n := strings.Count(args, "','") + 1
	typ, size := byte(mysql.MYSQL_TYPE_ENUM), 1
	if name == "enum" && n > 255 {
		size = 2
	}
	if name == "set" {
		typ, size = mysql.MYSQL_TYPE_SET, (n+7)/8
		if size > 4 {
			size = 8
		}
	}
	return storage{mysql.MYSQL_TYPE_STRING, []byte{typ, byte(size)}, little(size)}
}

func lengthBytes(most int) int {
	if most > 255 {
		return 2
	}
	return 1
}

// text is bytes behind their length.
func text(prefix int) func(any) ([]byte, error) {
	return func(v any) ([]byte, error) {
		var raw []byte
		switch v := v.(type) {
		case string:
			raw = []byte(v)
		case []byte:
			raw = v
		default:
			return nil, fmt.Errorf("neither string nor bytes")
		}
		if len(raw)>>(8*prefix) != 0 {
			return nil, fmt.Errorf("%d bytes do not fit", len(raw))
		}
		return append(binary.LittleEndian.AppendUint64(nil, uint64(len(raw)))[:prefix], raw...), nil
	}
}

// little is a number of so many bytes, little end first.
func little(size int) func(any) ([]byte, error) {
	return func(v any) ([]byte, error) {
		n, err := integer(v)
		return binary.LittleEndian.AppendUint64(nil, n)[:size], err
	}
}

func year(v any) ([]byte, error) {
	n, err := integer(v)
	if n != 0 {
		n -= 1900
	}
	return []byte{byte(n)}, err
}

func integer(v any) (uint64, error) {
	switch r := reflect.ValueOf(v); {
	case r.CanInt():
		return uint64(r.Int()), nil
	case r.CanUint():
		return r.Uint(), nil
	}
	return 0, fmt.Errorf("no integer")
}

func floating(v any) (float64, error) {
	if r := reflect.ValueOf(v); r.CanFloat() {
		return r.Float(), nil
	}
	return 0, fmt.Errorf("no float")
}
