package rowevent

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/raftdm/raftdm/internal/fault"
)

// Types of columns that go-mysql does not name: MariaDB's COMPRESSED ones.
const (
	TypeBlobCompressed    byte = 140
	TypeVarcharCompressed byte = 141
)

// Value is the value of one column as the binlog stores it.
type Value struct {
	// Type is one of go-mysql's MYSQL_TYPE constants or of those above. It is the
	// real type: never STRING for what is an ENUM or a SET.
	Type byte
	// Meta is the column's metadata: precision and scale of a decimal in its upper
	// and lower byte, digits of a second's fraction, bytes of an ENUM or SET.
	Meta uint16
	// Raw holds the bytes, without a length in front; nil for NULL.
	Raw []byte
}

// IsNull tells whether the value is NULL.
func (v Value) IsNull() bool { return v.Raw == nil }

// IsInteger tells whether Uint and Int have an answer: for integers, years,
// bits, and the numbers of ENUMs and SETs.
func (v Value) IsInteger() bool {
	switch v.Type {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG,
		mysql.MYSQL_TYPE_YEAR, mysql.MYSQL_TYPE_BIT, mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		return !v.IsNull()
	}
	return false
}

// IsTemporal tells whether AppendText writes a date or time.
func (v Value) IsTemporal() bool {
	switch v.Type {
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE, mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_DATETIME,
		mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		return !v.IsNull()
	}
	return false
}

// IsOldTime tells whether the column's times are stored as by servers before
// MySQL 5.6; of a NULL, too.
func (v Value) IsOldTime() bool { return isOldTime(v.Type) }

// Uint gives the stored bits as a number without a sign. A year is the year,
// 0 for 0000.
func (v Value) Uint() uint64 {
	var n uint64
	switch {
	case v.Type == mysql.MYSQL_TYPE_BIT: // the only one with its first byte first
		for _, b := range v.Raw {
			n = n<<8 | uint64(b)
		}
		return n
	case len(v.Raw) == 8:
		return binary.LittleEndian.Uint64(v.Raw)
	case len(v.Raw) == 4:
		return uint64(binary.LittleEndian.Uint32(v.Raw))
	}
	for i, b := range v.Raw {
		n |= uint64(b) << (8 * i)
	}
	if v.Type == mysql.MYSQL_TYPE_YEAR && n > 0 {
		n += 1900
	}
	return n
}

// Int gives the stored bits as a number with a sign.
func (v Value) Int() int64 {
	n := v.Uint()
	switch v.Type {
	case mysql.MYSQL_TYPE_TINY:
		return int64(int8(n))
	case mysql.MYSQL_TYPE_SHORT:
		return int64(int16(n))
	case mysql.MYSQL_TYPE_INT24:
		return int64(n<<40) >> 40
	case mysql.MYSQL_TYPE_LONG:
		return int64(int32(n))
	}
	return int64(n)
}

// Float gives a FLOAT or DOUBLE; false for other types.
func (v Value) Float() (float64, bool) {
	switch {
	case v.Type == mysql.MYSQL_TYPE_FLOAT && len(v.Raw) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(v.Raw))), true
	case v.Type == mysql.MYSQL_TYPE_DOUBLE && len(v.Raw) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(v.Raw)), true
	}
	return 0, false
}

// Bytes gives characters, binary strings, documents and geometries; false for
// other types. COMPRESSED values are unpacked.
func (v Value) Bytes() ([]byte, bool, error) {
	switch v.Type {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_BLOB,
		mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_JSON, mysql.MYSQL_TYPE_VECTOR:
		return v.Raw, true, nil
	case TypeBlobCompressed, TypeVarcharCompressed:
		raw, err := unpack(v.Raw)
		return raw, true, err
	}
	return nil, false, nil
}

// AppendText appends a decimal, date or time as the server prints it, times of
// TIMESTAMPs in UTC; false for other types.
func (v Value) AppendText(dst []byte) ([]byte, bool) {
	switch v.Type {
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return appendDecimal(dst, v.Raw, int(v.Meta>>8), int(v.Meta&0xff)), true
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return appendDate(dst, v.Raw), true
	case mysql.MYSQL_TYPE_TIME:
		return appendOldTime(dst, v.Raw), true
	case mysql.MYSQL_TYPE_TIME2:
		return appendTime(dst, v.Raw, int(v.Meta)), true
	case mysql.MYSQL_TYPE_DATETIME:
		return appendOldDatetime(dst, v.Raw), true
	case mysql.MYSQL_TYPE_DATETIME2:
		return appendDatetime(dst, v.Raw, int(v.Meta)), true
	case mysql.MYSQL_TYPE_TIMESTAMP:
		return appendTimestamp(dst, int64(binary.LittleEndian.Uint32(v.Raw)), 0, 0), true
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return appendTimestamp(dst, int64(binary.BigEndian.Uint32(v.Raw)), fraction(v.Raw[4:], int(v.Meta)), int(v.Meta)), true
	}
	return dst, false
}

// String is for people: errors and tests.
func (v Value) String() string {
	if v.IsNull() {
		return "NULL"
	}
	if text, ok := v.AppendText(nil); ok {
		return string(text)
	}
	if f, ok := v.Float(); ok {
		return fmt.Sprint(f)
	}
	if v.IsInteger() {
		return fmt.Sprint(v.Int())
	}
	raw, _, err := v.Bytes()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q", raw)
}

func corrupt(format string, args ...any) error {
	return &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Msg: fmt.Sprintf(format, args...)}
}
