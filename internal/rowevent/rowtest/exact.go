package rowtest

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// decimal stores a decimal: nine digits in four bytes from the point to both
// sides, fewer in fewer bytes; the first bit turned, and all of them in
// negative numbers.
func decimal(precision, scale int) func(any) ([]byte, error) {
	return func(v any) ([]byte, error) {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("no text")
		}
		digits, negative := strings.CutPrefix(s, "-")
		whole, fraction, _ := strings.Cut(digits, ".")
		whole = strings.TrimLeft(whole, "0")
		if len(whole) > precision-scale || len(fraction) > scale {
			return nil, fmt.Errorf("too many digits")
		}
		whole = strings.Repeat("0", precision-scale-len(whole)) + whole
		fraction += strings.Repeat("0", scale-len(fraction))
		first := len(whole) % 9
		out := group(whole[:first])
		for whole = whole[first:]; len(whole) > 0; whole = whole[9:] {
			out = append(out, group(whole[:9])...)
		}
		for ; len(fraction) > 9; fraction = fraction[9:] {
			out = append(out, group(fraction[:9])...)
		}
		out = append(out, group(fraction)...)
		out[0] ^= 0x80
		if negative {
			for i := range out {
				out[i] = ^out[i]
			}
		}
		return out, nil
	}
}

// group stores up to nine digits.
func group(digits string) []byte {
	n, _ := strconv.ParseUint("0"+digits, 10, 32)
	size := [...]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}[len(digits)]
	return binary.BigEndian.AppendUint32(nil, uint32(n))[4-size:]
}

func temporal(name, args string) (storage, bool) {
	digits := arg(args, 0, 0)
	meta := []byte{byte(digits)}
	of := func(encode func(c clock) []byte) func(any) ([]byte, error) {
		return func(v any) ([]byte, error) {
			s, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("no text")
			}
			c, err := parseClock(s)
			return encode(c), err
		}
	}
	switch name {
	case "date":
		return storage{mysql.MYSQL_TYPE_DATE, nil, of(func(c clock) []byte { return low(c.ymd(), 3) })}, true
	case "datetime":
		return storage{mysql.MYSQL_TYPE_DATETIME2, meta, of(func(c clock) []byte { return c.datetime(digits) })}, true
	case "timestamp":
		return storage{mysql.MYSQL_TYPE_TIMESTAMP2, meta, of(func(c clock) []byte { return append(high(c.unix(), 4), c.fraction(digits)...) })}, true
	case "time":
		return storage{mysql.MYSQL_TYPE_TIME2, meta, of(func(c clock) []byte { return c.time(digits) })}, true
	case "old datetime":
		return storage{mysql.MYSQL_TYPE_DATETIME, nil, of(func(c clock) []byte { return low(c.decimalDate()*1000000+c.decimalTime(), 8) })}, true
	case "old timestamp":
		return storage{mysql.MYSQL_TYPE_TIMESTAMP, nil, of(func(c clock) []byte { return low(c.unix(), 4) })}, true
	case "old time":
		return storage{mysql.MYSQL_TYPE_TIME, nil, of(func(c clock) []byte {
			n := c.decimalTime()
			if c.negative {
				n = -n
			}
			return low(n, 3)
		})}, true
	}
	return storage{}, false
}

// clock is a date, a time, or both.
type clock struct {
	negative                                       bool
	year, month, day, hour, minute, second, micros int64
}

func parseClock(s string) (c clock, err error) {
	s, fraction, _ := strings.Cut(s, ".")
	if fraction != "" {
		if c.micros, err = strconv.ParseInt((fraction + "000000")[:6], 10, 64); err != nil {
			return c, err
		}
	}
	date, clockTime, both := strings.Cut(s, " ")
	if !both && strings.Contains(s, ":") {
		date, clockTime = "", s
	}
	clockTime, c.negative = strings.CutPrefix(clockTime, "-")
	if date != "" {
		_, err = fmt.Sscanf(date, "%d-%d-%d", &c.year, &c.month, &c.day)
	}
	if clockTime != "" && err == nil {
		_, err = fmt.Sscanf(clockTime, "%d:%d:%d", &c.hour, &c.minute, &c.second)
	}
	return c, err
}

// low gives the lowest bytes, little end first; high the same, big end first.
func low(n int64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n))[:size] }

func high(n int64, size int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n))[8-size:] }

func (c clock) ymd() int64         { return c.year<<9 | c.month<<5 | c.day }
func (c clock) hms() int64         { return c.hour<<12 | c.minute<<6 | c.second }
func (c clock) decimalDate() int64 { return c.year*10000 + c.month*100 + c.day }
func (c clock) decimalTime() int64 { return c.hour*10000 + c.minute*100 + c.second }

// unix is 0 for the date that is none.
func (c clock) unix() int64 {
	if c.year == 0 {
		return 0
	}
	return time.Date(int(c.year), time.Month(c.month), int(c.day), int(c.hour), int(c.minute), int(c.second), 0, time.UTC).Unix()
}

// fraction stores two digits in a byte.
func (c clock) fraction(digits int) []byte {
	switch (digits + 1) / 2 {
	case 1:
		return high(c.micros/10000, 1)
	case 2:
		return high(c.micros/100, 2)
	case 3:
		return high(c.micros, 3)
	}
	return nil
}

func (c clock) datetime(digits int) []byte {
	n := (c.year*13+c.month)<<22 | c.day<<17 | c.hms()
	return append(high(n|1<<39, 5), c.fraction(digits)...)
}

// time is one number with its fraction, which is negative as a whole.
func (c clock) time(digits int) []byte {
	raw := append(high(c.hms(), 3), c.fraction(digits)...)
	var n int64
	for _, b := range raw {
		n = n<<8 | int64(b)
	}
	if c.negative {
		n = -n
	}
	return high(n+1<<(8*len(raw)-1), len(raw))
}
