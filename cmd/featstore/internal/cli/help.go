package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// exitMeanings says what the exit codes mean, in the words of every help text.
var exitMeanings = map[int]string{
	exitOK:          "done",
	exitFailure:     "failed",
	exitUsage:       "the command line is wrong",
	exitSomeFailed:  "done, but some images could not be used",
	exitNoStore:     "no such store",
	exitStoreInUse:  "the store is in use by another process",
	exitCorrupt:     "the file is damaged, not a store, or from a newer version",
	exitInterrupted: "interrupted; what was finished is kept",
}

// exits lists exit codes for a command's help.
func exits(codes ...int) string {
	var b strings.Builder
	b.WriteString("\n\nExit codes:\n")
	for _, code := range codes {
		fmt.Fprintf(&b, "  %3d  %s\n", code, exitMeanings[code])
	}
	return strings.TrimRight(b.String(), "\n")
}

// storeExits are the codes of a command that opens a store.
func storeExits(more ...int) string {
	codes := append([]int{exitOK, exitFailure, exitUsage}, more...)
	return exits(append(codes, exitNoStore, exitStoreInUse, exitCorrupt, exitInterrupted)...)
}

// args checks the number of a command's arguments; want says in words what they
// are.
func args(least, most int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) >= least && (most < 0 || len(got) <= most) {
			return nil
		}
		return &usageError{err: fmt.Errorf("%s wants %s, got %s", cmd.Name(), want, count(len(got), "argument")), command: cmd.CommandPath()}
	}
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || target == nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), strings.Join(args, " "))
			}
			return target.Help()
		},
	}
}

// unknownCommand is the error for a command that does not exist, with the hint that
// a mistyped one deserves.
func unknownCommand(root *cobra.Command, word string) error {
	err := &usageError{err: fmt.Errorf("unknown command %q", word), command: root.CommandPath()}
	root.SuggestionsMinimumDistance = 2
	if like := root.SuggestionsFor(word); len(like) > 0 {
		return hint(err, "did you mean %s?", strings.Join(like, " or "))
	}
	return err
}

// nameCommand completes a usage error by the command that it is about.
func nameCommand(err error, cmd *cobra.Command) {
	var usage *usageError
	if errors.As(err, &usage) && usage.command == "" && cmd != nil {
		usage.command = cmd.CommandPath()
	}
}

// adaptCompletion lets cobra's own command refuse what it does not know as all
// others do.
func adaptCompletion(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Example = "  source <(featstore completion bash)\n  featstore completion fish > ~/.config/fish/completions/featstore.fish"
		c.Args = args(0, 0, "one of bash, fish, powershell, zsh")
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		for _, shell := range c.Commands() {
			shell.Args = args(0, 0, "no arguments")
		}
	}
}

const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of all commands:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} [command] --help tells more about a command.{{end}}
`
