package schema

import "strings"

// orElse fills what is not given from other. A collation alone decides its
// character set; a character set alone takes its own default collation.
func (c charsets) orElse(other charsets) charsets {
	if c.charset == "" && c.collate == "" {
		return other
	}
	if c.charset == "" {
		c.charset = charsetOf(c.collate, other.charset)
	}
	return c
}

// resolve gives character set and collation, both filled and with one spelling.
func (c charsets) resolve() (charset, collate string) {
	if c.charset == "" && c.collate == "" {
		c = fallbackCharset()
	}
	charset = oneUTF8(c.charset)
	if charset == "" {
		charset = charsetOf(c.collate, fallbackCharset().charset)
	}
	collate = c.collate
	switch {
	case collate == "" || collate == "default":
		collate = defaultCollation(charset)
	case strings.HasPrefix(collate, "utf8_"), strings.HasPrefix(collate, "utf8mb3_"):
		_, rest, _ := strings.Cut(collate, "_")
		collate = "utf8_" + rest
	case strings.HasPrefix(collate, "uca1400_"): // MariaDB leaves the character set out
		collate = charset + "_" + collate
	}
	return charset, collate
}

// oneUTF8 gives the three-byte UTF-8 its shorter name.
func oneUTF8(charset string) string {
	if charset == "utf8mb3" {
		return "utf8"
	}
	return charset
}

// charsetOf tells the character set of a collation, which begins with its name.
func charsetOf(collate, fallback string) string {
	if collate == "" || collate == "default" || strings.HasPrefix(collate, "uca1400_") {
		return oneUTF8(fallback)
	}
	cs, _, _ := strings.Cut(collate, "_")
	return oneUTF8(cs)
}

func binaryCollation(charset string) string {
	if charset == "binary" {
		return "binary"
	}
	return oneUTF8(charset) + "_bin"
}

// defaultCollation is the collation of a character set when none is named. It
// is that of MySQL 5.7 and MariaDB to 11.5; servers with another default print
// the collation wherever they print the character set.
func defaultCollation(charset string) string {
	switch charset {
	case "binary":
		return "binary"
	case "latin1":
		return "latin1_swedish_ci"
	case "latin2", "latin5", "latin7", "ascii", "utf8", "utf8mb4", "ucs2", "utf16", "utf16le", "utf32",
		"cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "greek", "hebrew", "armscii8",
		"geostd8", "keybcs2", "macce", "macroman", "koi8r", "koi8u":
		return charset + "_general_ci"
	case "gbk", "big5", "gb2312", "gb18030":
		return charset + "_chinese_ci"
	case "sjis", "cp932", "ujis", "eucjpms":
		return charset + "_japanese_ci"
	case "euckr":
		return "euckr_korean_ci"
	case "dec8", "swe7":
		return charset + "_swedish_ci"
	case "hp8":
		return "hp8_english_ci"
	case "tis620":
		return "tis620_thai_ci"
	}
	return charset + "_general_ci"
}
