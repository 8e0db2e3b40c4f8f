package config

import (
	"math"
	"strconv"
	"strings"
)

const mebibyte = 1 << 20

// chunkSize reads chunk-filesize: a plain number counts mebibytes, a unit
// (K, M, G, T, with or without B or iB) is binary.
func chunkSize(dst *int64) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		if s == "" {
			return nil
		}
		n, ok := parseSize(s)
		if !ok || n <= 0 {
			return v.hinted(20047, `write a number of megabytes, or a number with a unit such as "64M" or "1GiB"`,
				"%q is not a file size", s)
		}
		*dst = n
		return nil
	}
}

func parseSize(s string) (int64, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	digits := strings.TrimRight(s, " KMGTIB")
	shift := map[string]int64{"": mebibyte, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
	unit := strings.TrimSpace(s[len(digits):])
	if len(unit) > 1 {
		unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	}
	factor, ok := shift[unit]
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(f >= 0) || f*float64(factor) > math.MaxInt64/2 {
		return 0, false
	}
	return int64(f * float64(factor)), true
}
