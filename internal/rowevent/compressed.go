package rowevent

// unpack reads a value of a COMPRESSED column.
func unpack(raw []byte) ([]byte, error) {
	return nil, corrupt("TODO")
}
