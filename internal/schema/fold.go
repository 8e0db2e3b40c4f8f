package schema

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// family is how far the equality of a collation is understood here.
type family uint8

const (
	// opaque: rules of one language (contractions, letters of their own); all
	// texts count as equal.
	opaque family = iota
	// exact: code points, with trailing spaces not counting.
	exact
	// general: one weight for each character of the basic plane, as in
	// utf8mb4_general_ci; all others are equal to each other.
	general
	// uca: the default table of the Unicode collation algorithm at some version.
	uca
	// uca4: the same at version 4.0.0, which has no weights beyond the basic plane.
	uca4
	// swedish: latin1_swedish_ci, the default of MySQL 5.7 and MariaDB.
	swedish
)

// familyOf tells by the name of a collation. A collation that is not listed is
// opaque, which is slow and right.
func familyOf(collate string) family {
	switch collate { // the usual ones, of which a row asks
	case "utf8mb4_general_ci", "utf8_general_ci":
		return general
	case "utf8mb4_0900_ai_ci":
		return uca
	case "utf8mb4_unicode_ci":
		return uca4
	case "utf8mb4_bin", "utf8_bin":
		return exact
	}
	_, name, _ := strings.Cut(collate, "_")
	name = strings.Replace(name, "nopad_", "", 1)
	if strings.HasPrefix(name, "uca1400_a") { // no language in between
		return uca
	}
	switch name {
	case "bin", "0900_bin":
		return exact
	case "general_ci", "general_mysql500_ci":
		if strings.HasPrefix(collate, "utf8") || strings.HasPrefix(collate, "ascii") {
			return general
		}
	case "unicode_ci":
		return uca4
	case "unicode_520_ci", "0900_ai_ci", "0900_as_ci", "0900_as_cs":
		return uca
	case "swedish_ci":
		if strings.HasPrefix(collate, "latin1") {
			return swedish
		}
	}
	if collate == "binary" {
		return exact
	}
	return opaque
}

// Exact tells whether texts of the column are equal only if they are the same,
// blanks at the end aside unless counted is set.
func (c *Column) Exact() (exactly, counted bool) {
	exactly = familyOf(c.Collate) == exact
	return exactly, exactly && (c.Collate == "binary" || strings.Contains(c.Collate, "nopad") || strings.HasSuffix(c.Collate, "0900_bin"))
}

// foldText appends a form of text that is the same for all texts equal to it
// under the column's collation. It is coarse: case, accents, blanks,
// punctuation and control characters are gone, and letters that it does not
// know one by one are all the same letter.
//
// Where the family is exact, the answer is a part of text itself.
func (c *Column) foldText(dst, text []byte) []byte {
	f := familyOf(c.Collate)
	switch f {
	case opaque:
		return dst
	case exact:
		return bytes.TrimRight(text, " ")
	}
	for len(text) > 0 {
		if text[0] < utf8.RuneSelf {
			dst, text = foldRun(dst, text)
			continue
		}
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		dst = f.fold(dst, r)
	}
	return dst
}

// foldRun folds the ASCII characters that text begins with, and gives the rest.
func foldRun(dst, text []byte) (folded, rest []byte) {
	n := len(dst)
	dst = slices.Grow(dst, len(text))[:n+len(text)]
	for i, b := range text {
		if b >= utf8.RuneSelf {
			return dst[:n], text[i:]
		}
		kept := asciiFolds[b]
		dst[n] = kept
		n += int(kept >> 5 & 1) // which is set in lower case letters and digits
	}
	return dst[:n], nil
}

// asciiFolds keeps letters in lower case, and digits; 0 is for what is not kept.
// What else is kept of a text are Chinese characters of the main block; any other
// character stands for the kept ones that it weighs as much as, which may be none.
//
// It is a table and never written to.
var asciiFolds = func() (out [utf8.RuneSelf]byte) {
	for b := range out {
		switch {
		case b >= 'a' && b <= 'z', b >= '0' && b <= '9':
			out[b] = byte(b)
		case b >= 'A' && b <= 'Z':
			out[b] = byte(b) + 'a' - 'A'
		}
	}
	return out
}()

func (f family) fold(dst []byte, r rune) []byte {
	if r > 0xffff && f != uca {
		return dst // all equal to each other there
	}
	if s, ok := f.special(r); ok {
		return append(dst, s...)
	}
	d := norm.NFKD.PropertiesString(string(r)).Decomposition()
	if d == nil {
		return foldBase(dst, r)
	}
	for _, part := range string(d) {
		if s, ok := f.special(part); ok {
			dst = append(dst, s...)
		} else {
			dst = foldBase(dst, part)
		}
	}
	return dst
}

// foldBase appends a character that has no decomposition.
func foldBase(dst []byte, r rune) []byte {
	switch {
	case r < utf8.RuneSelf:
		if kept := asciiFolds[r]; kept != 0 {
			dst = append(dst, kept)
		}
	case r >= 0x4e00 && r <= 0x9fff:
		return utf8.AppendRune(dst, r)
	}
	return dst
}

// special knows characters whose weight does not follow from Unicode's
// decompositions.
func (f family) special(r rune) (string, bool) {
	switch f {
	case general:
		switch r {
		case 'ß':
			return "s", true
		case 'ı':
			return "i", true
		}
	case swedish:
		switch r {
		case 'Ü', 'ü', 'Ý', 'ý', 'Ÿ', 'ÿ':
			return "y", true
		case 'Ð', 'ð':
			return "d", true
		case 'Ä', 'ä', 'Æ', 'æ', 'Å', 'å', 'Ö', 'ö': // equal to \ [ ]
			return "", true
		}
	case uca, uca4:
		i, found := slices.BinarySearchFunc(ucaSpecials[:], r, func(s ucaSpecial, r rune) int { return cmp.Compare(s.r, r) })
		if found {
			return ucaSpecials[i].folded, true
		}
	}
	return "", false
}

// ucaSpecial is a character that weighs as much as some ASCII letters or digits
// under the Unicode collation algorithm without decomposing into them.
type ucaSpecial struct {
	r      rune
	folded string
}
