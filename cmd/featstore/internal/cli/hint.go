package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"featstore/extract/photo"
	"featstore/store"
	"featstore/train"
)

// Hints and remarks name commands to go on with. They are not written into the text but
// made by run, and completed where the text is printed: so they go on with the store
// that this command was about, and can be copied into a shell.

// A command is one to go on with: its words, without "featstore".
type command []string

// run returns a command to be named in a hint or remark, as an argument of its format.
func run(words ...string) command { return words }

// of adds the flag that means a head, where it is not the one that is meant anyway.
func (c command) of(flag, head string) command {
	if head == defaultHead {
		return c
	}
	return c.with(flag, head)
}

// with adds further words.
func (c command) with(words ...string) command { return append(slices.Clone(c), words...) }

// argument is a file's name as an argument, which must not be taken for a flag.
func argument(name string) string {
	if strings.HasPrefix(name, "-") && name != "-" {
		return "." + string(filepath.Separator) + name
	}
	return name
}

// listItem is a name for a flag that takes several, joined by commas.
func listItem(name string) string {
	if strings.ContainsAny(name, ",\"\r\n") {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// resumeTuning is the command that goes on with an interrupted finetune.
func resumeTuning(head string) command {
	c := run("finetune", "--resume")
	if head == tunedHead {
		return c
	}
	return c.with("--head", head)
}

// retrain is the command that trains a head anew with its settings, in its place.
// several tells whether the store has further networks than the head's.
func retrain(name string, h *train.Head, several bool) command {
	recipe := h.Recipe()
	c := run("train").of("--name", name)
	if recipe.Kind != train.DefaultConfig().Kind {
		c = append(c, "--head", recipe.Kind)
	}
	if several {
		c = append(c, "--model", strings.Join(recipe.Models, ","))
	}
	was, usual := recipe, train.DefaultsOf(recipe.Kind)
	var set, unset pflag.FlagSet
	headFlags(&set, &was)
	headFlags(&unset, &usual)
	set.VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		switch list, several := f.Value.(pflag.SliceValue); {
		case f.Name == "head" || value == unset.Lookup(f.Name).Value.String():
		case f.Value.Type() == "bool":
			c = append(c, "--"+f.Name) // those that are set unless asked for would need a value
		case several:
			c = append(c, "--"+f.Name, strings.Join(list.GetSlice(), ","))
		default:
			c = append(c, "--"+f.Name, value)
		}
	})
	return c
}

// retrainToReject is retrain for a head that cannot tell what is none of its labels.
func retrainToReject(name string, h *train.Head, several bool) command {
	rejecting := *h
	rejecting.Config.RejectRate = train.DefaultRejectRate
	return retrain(name, &rejecting, several)
}

// retrainIn is retrain for a head of a store. A head on a network that finetune made needs
// a network tuned anew.
func retrainIn(db *store.DB, name string, h *train.Head) command {
	var models []store.Model
	_ = db.View(func(tx *store.Tx) (err error) { // only for a hint
		models, err = tx.Models()
		return err
	})
	several := len(store.Usual(models)) > 1
	h = inPlace(h, models)
	for _, m := range models {
		if m.Tuned == nil || !slices.Contains(h.Models, m.ID) {
			continue
		}
		layers := h.Kind == train.KindMLP && h.Config.Scaling == train.ScaleNone // as finetune makes them
		if h.Kind != train.KindLogistic && !layers {
			return retrain(name, h, true)
		}
		c := run("finetune")
		if layers {
			c = c.with("--hidden", joinNumbers(h.Config.Hidden))
		}
		if name != tunedHead {
			c = c.with("--head", name)
		}
		if size := tunedSize(m, models); size != "" {
			c = c.with("--size", size)
		}
		if several {
			c = c.with("--model", m.Tuned.From)
		}
		return c
	}
	return retrain(name, h, several)
}

// inPlace is a head on the models that are in the place of its own, if some are.
func inPlace(h *train.Head, models []store.Model) *train.Head {
	moved := *h
	moved.Models = slices.Clone(h.Models)
	for i, id := range moved.Models {
		for _, m := range models {
			if m.ID == id && m.Replaced != "" {
				moved.Models[i] = m.Replaced
			}
		}
	}
	return &moved
}

// tunedSize is the --size that a network was tuned with, "" for that of the model that it
// was before.
func tunedSize(m store.Model, models []store.Model) string {
	var how, before photo.Preprocess
	i := slices.IndexFunc(models, func(b store.Model) bool { return b.ID == m.Tuned.From })
	if i < 0 || json.Unmarshal([]byte(m.Preprocess), &how) != nil || json.Unmarshal([]byte(models[i].Preprocess), &before) != nil ||
		how.Width == before.Width && how.Height == before.Height {
		return ""
	}
	if how.Width == how.Height {
		return strconv.Itoa(how.Width)
	}
	return fmt.Sprintf("%dx%d", how.Width, how.Height)
}

// joinNumbers writes numbers as a flag takes them.
func joinNumbers(numbers []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(numbers), " ", ","), "[]")
}

// retrainAll lists the commands that train all heads anew.
func (a *app) retrainAll(s store.Stats) string {
	var all []string
	for _, record := range s.Heads {
		if h, err := train.FromRecord(record); err == nil {
			all = append(all, a.complete(retrain(record.Name, h, len(s.Models) > 1)))
		}
	}
	return firstFew(all)
}

// complete writes a command as a shell reads it, with the store that it is to go on with.
func (a *app) complete(c command) string {
	text := "featstore"
	for _, w := range c {
		text += " " + shellWord(w)
	}
	storeless := len(c) > 1 && c[0] == "models" && c[1] == "inspect" || slices.Contains(c, "--classifier")
	if a.store != defaultStore() && !storeless {
		text += " --store " + shellWord(a.store)
	}
	return text
}

// text is fmt.Sprintf for texts that may name commands.
func (a *app) text(format string, args ...any) string {
	args = slices.Clone(args)
	for i, arg := range args {
		if c, ok := arg.(command); ok {
			args[i] = a.complete(c)
		}
	}
	return fmt.Sprintf(format, args...)
}

// shellWord writes a word as a shell reads it. What would not be printed as it is has
// the escapes that bash, zsh and fish know.
func shellWord(s string) string {
	switch {
	case !harmless(s, ""):
		return "$'" + strings.NewReplacer(`\"`, `"`, `'`, `\'`).Replace(unquoted(s)) + "'"
	case s == "" || strings.ContainsAny(s, " '\"\\$`*?[]{}&;|<>()#!~"):
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// unquoted is a text with Go's escapes, of which the shells know those that are left.
func unquoted(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return quoted[1 : len(quoted)-1]
}
