package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/bench"
	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/store/export"
	"featstore/train"
)

// What a shell may put where somebody presses the tabulator key. Names in the store are
// read from it if that can be done at once; a store that is in use, damaged or not there
// gives none, and never a word that would disturb the line.

// A choice is one completion: a word, and what it is.
type choice struct{ word, about string }

// choices returns what fits a flag or an argument.
type choices func(a *app) []choice

// flagChoices are the completions of flags, by command and flag; "*" stands for all
// commands that have the flag and are not named.
var flagChoices = map[string]choices{
	"* --head":            headChoices,
	"train --head":        words(append(slices.Clone(train.Kinds), train.KindAuto)...),
	"train --name":        headChoices,
	"* --model":           modelChoices,
	"* --from":            words("input", "60%", "80%"),
	"* --optimizer":       words(train.OptimizerAdamW, train.OptimizerSGD),
	"* --kinds":           words(train.Kinds...),
	"* --preprocess":      presetChoices,
	"* --precision":       words(extract.Precision8Bit, extract.PrecisionFloat),
	"* --pool":            words("avg", "max", "none"),
	"* --split":           splitChoices,
	"* --format":          formatChoices,
	"cluster --format":    words("csv"),
	"report --map":        words(train.ProjectPCA, train.ProjectTSNE),
	"cluster --of":        words(clusterAll, clusterUnlabelled),
	"predict --format":    words(formatCSV, formatTSV),
	"* --by":              words(sortByLink, sortByCopy, sortByMove),
	"* --balance":         words(train.Balances...),
	"finetune --balance":  words(train.BalanceNone, train.BalanceWeights),
	"* --prior":           words(train.Priors...),
	"* --scaling":         words(train.Scalings...),
	"* --only":            words(bench.Steps...),
	"* --split-folders":   words("on", "ignore", "off"),
	"* --label-separator": words("none", "|", ";", ","),
	"* --augment":         words("flip", defaultAugment, defaultAugment+",color=20,rotate=5"),
	"* --average":         words(averageFlip),
	"* --input":           words(inputPrepared, inputPixels),
}

// fileFlags take a file, for which the shell itself knows best, or text and numbers of
// which nobody knows.
var fileFlags = []string{"ingest --model", "predict --model", "predict --classifier", "bench --model", "similar --network", "ingest --labels",
	"ingest --label-names", "ingest --label-from",
	"import --network", "import --labels", "import --label-names", "import --paths", "import --splits", "import --name",
	"import --path-column", "import --label-column", "predict --features", "predict --paths",
	"predict --watch", "predict --sort-into", "similar --html"}

// argumentChoices are the completions of arguments. Other commands with arguments take
// files.
var argumentChoices = map[string]choices{
	"models remove": modelChoices,
	"models export": modelChoices,
	"forget":        folderChoices,
}

// addCompletions tells cobra of them all.
func addCompletions(a *app, root *cobra.Command) {
	eachRunnable(root, func(path string, cmd *cobra.Command) {
		for key, list := range flagChoices {
			command, flag, _ := strings.Cut(key, " --")
			named := command == path || command == "*" && flagChoices[path+" --"+flag] == nil
			if !named || slices.Contains(fileFlags, path+" --"+flag) {
				continue
			}
			if f := cmd.LocalFlags().Lookup(flag); f != nil {
				several := f.Value.Type() == "stringSlice"
				_ = cmd.RegisterFlagCompletionFunc(flag, a.completeFrom(list, several)) // it fails only for a second one
			}
		}
		if list := argumentChoices[path]; list != nil {
			cmd.ValidArgsFunction = onlyFirst(a.completeFrom(list, false))
		} else if cmd.Args != nil && cmd.Args(cmd, []string{"x"}) != nil && cmd.ValidArgsFunction == nil {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	})
}

// eachRunnable calls do with each command that can be run, and its path without
// "featstore".
func eachRunnable(c *cobra.Command, do func(path string, cmd *cobra.Command)) {
	for _, sub := range c.Commands() {
		eachRunnable(sub, do)
	}
	if _, path, below := strings.Cut(c.CommandPath(), " "); c.Runnable() && below {
		do(path, c)
	}
}

// completeFrom makes cobra's function of choices. Of a flag that takes several, joined by
// commas, the last is completed, by none that stand there already.
func (a *app) completeFrom(list choices, several bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := ""
		if several {
			before = typed[:strings.LastIndexByte(typed, ',')+1]
		}
		var fit []string
		for _, c := range list(a) {
			text := before + c.word
			if printable(c.word) != c.word || !strings.HasPrefix(text, typed) || several && slices.Contains(strings.Split(before, ","), c.word) {
				continue
			}
			if c.about != "" {
				text += "\t" + printable(c.about)
			}
			fit = append(fit, text)
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

// onlyFirst completes the first argument only.
func onlyFirst(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, args, typed)
	}
}

func words(list ...string) choices {
	return func(*app) []choice {
		var all []choice
		for _, w := range list {
			all = append(all, choice{word: w})
		}
		return all
	}
}

// read looks into the store, if that can be done without waiting.
func (a *app) read(do func(tx *store.Tx) error) {
	db, err := store.Open(a.store, store.Options{ReadOnly: true, Timeout: 1})
	if err != nil {
		return
	}
	defer db.Close()
	_ = db.View(do) // what was found until then is offered
}

func headChoices(a *app) (all []choice) {
	a.read(func(tx *store.Tx) error {
		heads, err := tx.Heads()
		for _, h := range heads {
			all = append(all, choice{h.Name, h.Kind + ", " + count(len(h.Labels), "label")})
		}
		return err
	})
	return all
}

// modelChoices offers names where they mean one model, and else the ids.
func modelChoices(a *app) (all []choice) {
	a.read(func(tx *store.Tx) error {
		models, err := tx.Models()
		named := map[string]int{}
		for _, m := range models {
			named[m.Name]++
		}
		for _, m := range models {
			if named[m.Name] == 1 && m.Name != "" {
				all = append(all, choice{m.Name, describeModel(m)})
			} else {
				all = append(all, choice{m.ID, describeModel(m)})
			}
		}
		return err
	})
	return all
}

func folderChoices(a *app) (all []choice) {
	a.read(func(tx *store.Tx) error {
		roots, err := tx.Roots()
		for _, r := range roots {
			all = append(all, choice{word: r.Path})
		}
		return err
	})
	return all
}

// presetChoices offers presets, and settings that may come behind one.
func presetChoices(*app) (all []choice) {
	for _, name := range photo.PresetNames() {
		all = append(all, choice{name, photo.PresetAbout(name)})
	}
	for _, k := range extract.Keys() {
		if k.Name != "preprocess" {
			all = append(all, choice{k.Name + "=", k.About})
		}
	}
	return all
}

func splitChoices(*app) (all []choice) {
	for _, s := range split.All {
		all = append(all, choice{word: s.String()})
	}
	return all
}

func formatChoices(*app) (all []choice) {
	for _, f := range export.Formats {
		all = append(all, choice{word: string(f)})
	}
	return append(all, choice{word: formatONNX})
}
