package schema

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// encodingOf gives the table of a character set, nil where there is none that
// agrees with the servers' own. TestDecodingAgreesWithServer compares each code;
// what is not listed differs from them in some (big5, sjis, ujis, greek ...).
func encodingOf(charset string) encoding.Encoding {
	switch charset {
	case "gbk":
		return simplifiedchinese.GBK
	case "gb18030":
		return simplifiedchinese.GB18030
	case "euckr":
		return korean.EUCKR
	case "cp932":
		return japanese.ShiftJIS
	case "ucs2", "utf16":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf32":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	}
	if m := charmapOf(charset); m != nil {
		return m
	}
	return nil
}

// charmapOf gives the table of a character set with one byte for each character.
func charmapOf(charset string) *charmap.Charmap {
	switch charset {
	case "cp1250":
		return charmap.Windows1250
	case "cp1251":
		return charmap.Windows1251
	case "cp1256":
		return charmap.Windows1256
	case "cp1257":
		return charmap.Windows1257
	case "cp850":
		return charmap.CodePage850
	case "cp852":
		return charmap.CodePage852
	case "koi8r":
		return charmap.KOI8R
	case "latin2":
		return charmap.ISO8859_2
	case "latin5":
		return charmap.ISO8859_9
	case "latin7":
		return charmap.ISO8859_13
	case "macroman":
		return charmap.Macintosh
	}
	return nil
}

// decode gives text of a character set in UTF-8. It fails where a code stands
// for no character, or where editions of the character set differ.
func decode(charset string, raw []byte) (text []byte, ok bool) {
	e := encodingOf(charset)
	if e == nil {
		return nil, false
	}
	text, err := e.NewDecoder().Bytes(raw)
	if err != nil {
		return nil, false
	}
	for rest := text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r == utf8.RuneError && !isUnicode(charset),
			charset == "ucs2" && r > 0xffff,
			charset == "gb18030" && unsettled(r):
			return nil, false
		}
	}
	if isUnicode(charset) { // where the replacement character is a character
		back, err := e.NewEncoder().Bytes(text)
		return text, err == nil && bytes.Equal(back, raw)
	}
	return text, true
}

func isUnicode(charset string) bool {
	switch charset {
	case "ucs2", "utf16", "utf16le", "utf32":
		return true
	}
	return false
}

// unsettled tells the characters whose codes the editions of GB 18030 give
// differently: the private use area and what later took its place.
func unsettled(r rune) bool {
	return r >= 0xe000 && r <= 0xf8ff || r >= 0xfe10 && r <= 0xfe19 || r >= 0x9fb4 && r <= 0x9fbb ||
		r == 0x1e3f || r >= 0x20087 && r <= 0x2ffff
}
