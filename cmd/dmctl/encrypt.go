package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/config"
)

func newEncrypt(s *shared) *cobra.Command {
	return &cobra.Command{Use: "encrypt <password>", Short: "encrypt a password for a source or task file; needs no master",
		Example: "  dmctl encrypt 'p@ss'", ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("encrypt needs exactly one password")
			}
			return s.printEncrypted(args[0])
		}}
}

func newDecrypt(s *shared) *cobra.Command {
	return &cobra.Command{Use: "decrypt <ciphertext>", Short: "decrypt what encrypt printed; needs no master",
		Example: "  dmctl decrypt 'VjX8cEeTX+qcvZ3bPaO4h0C80pe/1aU='", ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("decrypt needs exactly one ciphertext")
			}
			return s.printDecrypted(args[0])
		}}
}

func (s *shared) printEncrypted(plain string) error {
	text, err := config.Encrypt(plain)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, text)
	return nil
}

func (s *shared) printDecrypted(text string) error {
	plain, err := config.Decrypt(text)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, plain)
	return nil
}
