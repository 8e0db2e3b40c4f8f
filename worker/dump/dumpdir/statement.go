package dumpdir

import (
	"bytes"
	"fmt"
	"strconv"
)

// insert begins each statement of a data file.
const insert = "INSERT "

// InsertHead is how an INSERT begins whose one row has so many error values of
// ENUMs; 0 for any number of rows without one.
func InsertHead(errorValues int) string {
	if errorValues == 0 {
		return insert
	}
	return fmt.Sprintf(insert+"/* error values: %d */ ", errorValues)
}

// ErrorValues reads what InsertHead has written. ok is false for a statement
// that is no INSERT.
func ErrorValues(statement []byte) (n int, ok bool) {
	rest, ok := bytes.CutPrefix(statement, []byte(insert))
	if !ok {
		return 0, false
	}
	rest, ok = bytes.CutPrefix(rest, []byte("/* error values: "))
	if !ok {
		return 0, true
	}
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.Atoi(string(digits))
	return n, err == nil
}
