package rowevent

import (
	"bytes"
	"math"
)

// null is the place of NULL.
const null = math.MaxUint32

// place is what the rows of one event share.
type place struct {
	table *Table
	data  []byte
	// at is where in data the values are, the columns of a row behind each other. In
	// front of a value of no fixed size is its length.
	at []uint32
}

// Image is one row, before or after what happened to it. The zero Image is none.
type Image struct {
	in      *place
	first   int // in in.at
	size    uint32
	columns uint16
}

// IsZero tells that there is no image.
func (im Image) IsZero() bool { return im.in == nil }

// Len is the number of columns.
func (im Image) Len() int { return int(im.columns) }

// Size is how many bytes the row takes in the binlog.
func (im Image) Size() int { return int(im.size) }

// Null tells whether the value of column i is NULL.
func (im Image) Null(i int) bool { return im.in.at[im.first+i] == null }

// Value gives the value of column i.
func (im Image) Value(i int) Value {
	in := im.in
	c := &in.table.cols[i]
	v := Value{Type: c.typ, Meta: c.meta}
	if from := in.at[im.first+i]; from != null {
		size := uint32(c.size)
		if c.prefix > 0 {
			end := from + uint32(c.prefix)
			size = uint32(length(in.data[from:end]))
			from = end
		}
		v.Raw = in.data[from : from+size : from+size]
	}
	return v
}

// HasOldTimes tells that some column holds times as servers before MySQL 5.6 do.
// If such a column has digits of a second's fraction, which the binlog does not
// say, the row is not to be read: all values behind that column are wrong.
func (im Image) HasOldTimes() bool { return im.in != nil && im.in.table.oldTimes }

// HintOldTimes is what helps against such columns.
const HintOldTimes = "times with fractions in the format of MariaDB 5.3 cannot be read from a binlog: with mysql56_temporal_format=ON run " +
	"ALTER TABLE ... FORCE on the source, and copy the table anew"

// Head gives the image of the first n columns alone.
func (im Image) Head(n int) Image {
	im.columns = uint16(n)
	return im
}

// Same tells whether column i has the same bytes in both images, of one table.
func (im Image) Same(i int, other Image) bool {
	a, b := im.Value(i), other.Value(i)
	return a.Type == b.Type && a.IsNull() == b.IsNull() && bytes.Equal(a.Raw, b.Raw)
}
