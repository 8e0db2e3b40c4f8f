package rowevent

import (
	"bytes"
	"math"
)

// span is where a value is in an image.
type span struct{ off, size uint32 }

// null is the offset of NULL.
const null = math.MaxUint32

// Image is one row, before or after what happened to it. The zero Image is none.
type Image struct {
	table *Table
	data  []byte
	at    []span // one per column
}

// IsZero tells that there is no image.
func (im Image) IsZero() bool { return im.table == nil }

// Len is the number of columns.
func (im Image) Len() int { return len(im.at) }

// Size is how many bytes the row takes in the binlog.
func (im Image) Size() int { return len(im.data) }

// Null tells whether the value of column i is NULL.
func (im Image) Null(i int) bool { return im.at[i].off == null }

// Value gives the value of column i.
func (im Image) Value(i int) Value {
	s := im.at[i]
	c := &im.table.cols[i]
	v := Value{Type: c.typ, Meta: c.meta}
	if s.off != null {
		end := s.off + s.size
		v.Raw = im.data[s.off:end:end]
	}
	return v
}

// HasOldTimes tells that some column holds times as servers before MySQL 5.6 do.
// If such a column has digits of a second's fraction, which the binlog does not
// say, the row is not to be read: all values behind that column are wrong.
func (im Image) HasOldTimes() bool { return im.table != nil && im.table.oldTimes }

// HintOldTimes is what helps against such columns.
const HintOldTimes = "times with fractions in the format of MariaDB 5.3 cannot be read from a binlog: with mysql56_temporal_format=ON run " +
	"ALTER TABLE ... FORCE on the source, and copy the table anew"

// Head gives the image of the first n columns alone.
func (im Image) Head(n int) Image {
	im.at = im.at[:n]
	return im
}

// Same tells whether column i has the same bytes in both images, of one table.
func (im Image) Same(i int, other Image) bool {
	a, b := im.Value(i), other.Value(i)
	return a.Type == b.Type && a.IsNull() == b.IsNull() && bytes.Equal(a.Raw, b.Raw)
}
