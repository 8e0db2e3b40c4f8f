package config

// Secret is a password. It prints as stars everywhere; Reveal gives the text.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "******"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return `"` + s.String() + `"` }

// Reveal gives the text to hand to a database driver.
func (s Secret) Reveal() string { return string(s) }
