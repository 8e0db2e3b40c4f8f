package schema

import "encoding/binary"

// escapes gives what stands behind the backslash for each byte that needs one.
//
// It is a table and never written to.
var escapes = [256]byte{0: '0', '\n': 'n', '\r': 'r', '\\': '\\', '\'': '\'', 0x1a: 'Z'}

// appendQuoted appends a string literal for a session without
// NO_BACKSLASH_ESCAPES. It works on bytes, which is safe in UTF-8: no byte of a
// longer character looks like a quote or a backslash.
func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '\'')
	start := len(dst)
	return append(escapeFrom(append(dst, s...), start), '\'')
}

// escapeFrom escapes what stands in dst from a place on, where it is.
func escapeFrom(dst []byte, from int) []byte {
	more := countEscapes(dst[from:])
	if more == 0 {
		return dst
	}
	end := len(dst)
	for range more {
		dst = append(dst, 0)
	}
	to := len(dst) - 1
	for i := end - 1; more > 0; i-- { // from the end: no byte is overwritten before it has moved
		b := dst[i]
		esc := escapes[b]
		if esc == 0 {
			dst[to] = b
			to--
			continue
		}
		dst[to-1], dst[to] = '\\', esc
		to -= 2
		more--
	}
	return dst
}

// countEscapes counts the bytes that need a backslash. Eight bytes are passed at
// once where none is a control character, a quote or a backslash.
func countEscapes(s []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; len(s) >= 8; s = s[8:] {
		x := binary.LittleEndian.Uint64(s)
		quote, slash := x^ones*'\'', x^ones*'\\'
		// The top bit of a byte stays where the byte is below what is taken away.
		if ((x-ones*0x20)&^x|(quote-ones)&^quote|(slash-ones)&^slash)&tops == 0 {
			continue
		}
		for _, b := range s[:8] {
			if escapes[b] != 0 {
				n++
			}
		}
	}
	for _, b := range s {
		if escapes[b] != 0 {
			n++
		}
	}
	return n
}
