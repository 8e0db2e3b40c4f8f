package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zone names are valid or not, whatever the machine has installed
)

var offset = regexp.MustCompile(`^([+-])(\d{1,2}):([0-5]\d)$`)

// timezone reads an IANA zone or an offset; offsets are written the way the
// server wants them, with two digits.
func timezone(dst *string) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		if s == "" {
			return nil
		}
		zone, ok := zoneOf(s)
		if !ok {
			return v.hinted(20008, `write a zone such as "Asia/Shanghai" or an offset from "-12:59" to "+14:00"`, "%q is not a time zone", s)
		}
		*dst = zone
		return nil
	}
}

func zoneOf(s string) (string, bool) {
	if m := offset.FindStringSubmatch(s); m != nil {
		hours, _ := strconv.Atoi(m[2])
		minutes, _ := strconv.Atoi(m[3])
		total := hours*60 + minutes
		// The bounds of every server version that we speak to.
		if m[1] == "+" && total > 14*60 || m[1] == "-" && total > 12*60+59 {
			return "", false
		}
		return fmt.Sprintf("%s%02d:%02d", m[1], hours, minutes), true
	}
	if s == "UTC" {
		return "+00:00", true // known to servers that have no zone tables loaded
	}
	if strings.EqualFold(s, "local") || strings.EqualFold(s, "system") {
		return "", false // the zone of which machine?
	}
	if _, err := time.LoadLocation(s); err != nil {
		return "", false
	}
	return s, true
}
