package schema

// escapes gives what stands behind the backslash for each byte that needs one.
//
// It is a table and never written to.
var escapes = [256]byte{0: '0', '\n': 'n', '\r': 'r', '\\': '\\', '\'': '\'', 0x1a: 'Z'}

// appendQuoted appends a string literal for a session without
// NO_BACKSLASH_ESCAPES. It works on bytes, which is safe in UTF-8: no byte of a
// longer character looks like a quote or a backslash.
func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '\'')
	plain := 0 // where the run of bytes that stand for themselves began
	for i := range len(s) {
		if esc := escapes[s[i]]; esc != 0 {
			dst = append(append(dst, s[plain:i]...), '\\', esc)
			plain = i + 1
		}
	}
	dst = append(dst, s[plain:]...)
	return append(dst, '\'')
}

// escapeFrom escapes what stands in dst from a place on, where it is.
func escapeFrom(dst []byte, from int) []byte {
	more := 0
	for _, b := range dst[from:] {
		if escapes[b] != 0 {
			more++
		}
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
