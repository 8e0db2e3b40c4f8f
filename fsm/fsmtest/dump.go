package fsmtest

import (
	"bytes"
	"fmt"

	"github.com/raftdm/raftdm/fsm"
)

// Dump writes everything a store holds, a line per record, in canonical order:
// two stores agree exactly when their dumps are equal.
func Dump(s *fsm.Store) ([]byte, error) {
	var out bytes.Buffer
	err := s.View(func(v *fsm.View) error {
		return v.Walk(func(bucket string, key, value []byte) error {
			// Values are JSON or text, except the numbers of meta.
			format := "%s %q %s\n"
			if bucket == "meta" {
				format = "%s %q %q\n"
			}
			_, err := fmt.Fprintf(&out, format, bucket, key, value)
			return err
		})
	})
	return out.Bytes(), err
}
