package rowevent

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"io"
)

// unpack reads a value of MariaDB's COMPRESSED columns: a byte of which the upper
// half is the method, the bytes that the value follows. Method 0 is the value as
// it is, 8 is zlib with the value's length before it, or deflate alone when the
// bit beside the length's own length is set. An empty value has no bytes.
func unpack(raw []byte) ([]byte, error) {
	const (
		stored, zipped = 0, 8
		bare           = 8 // without zlib's header and checksum
	)
	if len(raw) == 0 {
		return raw, nil
	}
	switch raw[0] >> 4 {
	case stored:
		return raw[1:], nil
	case zipped:
		return inflate(raw, raw[0]&bare != 0)
	}
	return nil, corrupt("a value of a COMPRESSED column is packed by the method number %d, which is not known", raw[0]>>4)
}

// unpackEvent reads the rows of a compressed event: a byte with the first bit
// set and three for the method, of which there is one, and as above.
func unpackEvent(raw []byte) ([]byte, error) {
	const header, mask = 0x80, 0xf0
	if len(raw) == 0 || raw[0]&mask != header {
		return nil, corrupt("packed rows begin with %x, which is no method that is known", raw[:min(len(raw), 1)])
	}
	return inflate(raw, false)
}

// inflate reads packed bytes behind a byte whose last three bits tell how many
// bytes hold the length to come, big end first.
func inflate(raw []byte, bare bool) ([]byte, error) {
	const lengthBits, bestRatio = 7, 1100 // zlib makes 1032 bytes of one at best
	n := int(raw[0] & lengthBits)
	if n >= len(raw) {
		return nil, corrupt("packed bytes end before their length")
	}
	size, packed := bigEndian(raw[1:1+n]), raw[1+n:]
	if size < 0 || size > int64(len(packed))*bestRatio {
		return nil, corrupt("%d packed bytes cannot hold %d", len(packed), size)
	}
	var r io.Reader
	if bare {
		r = flate.NewReader(bytes.NewReader(packed))
	} else {
		var err error
		if r, err = zlib.NewReader(bytes.NewReader(packed)); err != nil {
			return nil, corrupt("packed bytes cannot be unpacked: %v", err)
		}
	}
	out := make([]byte, size, size+1)
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, corrupt("packed bytes cannot be unpacked: %v", err)
	}
	if n, err := io.ReadFull(r, out[size:size+1]); n != 0 || err != io.EOF { // the end, and the checksum behind it
		return nil, corrupt("packed bytes are not as long as they say: %v", err)
	}
	return out, nil
}
