package main

import (
	"bytes"
	"os"
	"strconv"
	"unicode/utf8"

	"github.com/raftdm/raftdm/internal/fault"
)

// largestRequest is what a master takes; see rpc's maxRequest.
const largestRequest = 32 << 20

// readText reads a file whose text goes to the master.
func readText(what, path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", unreadable(what, path, err)
	}
	op := "read " + what
	if len(text) >= largestRequest {
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Msg: "file " + path + " is larger than 32 MiB, which is the most a master takes",
			Hint: "write patterns instead of single tables into the file"}
	}
	if !utf8.Valid(text) {
		line := 1
		for rest := text; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				line += bytes.Count(text[:len(text)-len(rest)], []byte("\n"))
				break
			}
			rest = rest[n:]
		}
		return "", &fault.Error{Op: op, Kind: fault.Invalid, Msg: "file " + path + " is not UTF-8 text; the first other byte is in line " + strconv.Itoa(line),
			Hint: "save the file as UTF-8"}
	}
	return string(text), nil
}

// unreadable says which file could not be read.
func unreadable(what, path string, err error) error {
	return &fault.Error{Op: "read " + what, Kind: fault.Invalid, Code: 20018, Msg: "file " + path + " cannot be read", Err: err,
		Hint: "correct the path; it begins in the directory in which dmctl runs"}
}
