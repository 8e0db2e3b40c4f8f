package endpoint

// Security says how a connection is encrypted and who may be at its other end.
// The zero value is a plain connection.
type Security struct {
	// CA, Cert and Key are PEM files: whom to trust, and what to show.
	CA, Cert, Key string
	// CAText, CertText and KeyText are the files' contents, for machines that do
	// not have the files. A file that is there wins, so that it can be renewed.
	CAText, CertText string
	KeyText          Secret
	// AllowedCN are the common names that the other side's certificate may have;
	// empty for any.
	AllowedCN []string
}

// On tells whether the connection is encrypted: as in DM, a CA switches it on.
func (s Security) On() bool { return s.CA != "" || s.CAText != "" }

// HasCert tells whether there is a certificate of one's own, HasKey whether
// there is its key.
func (s Security) HasCert() bool { return s.Cert != "" || s.CertText != "" }

// HasKey tells whether there is the key of one's own certificate.
func (s Security) HasKey() bool { return s.Key != "" || s.KeyText != "" }

// Paths lists the files that are named.
func (s Security) Paths() []string {
	var out []string
	for _, path := range []string{s.CA, s.Cert, s.Key} {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}
