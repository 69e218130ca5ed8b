package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"featstore/store"
)

func compactCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Give back the space that removed vectors left in the store's file",
		Long: `Rewrites the store without the free space that pruned photos, forgotten folders
and removed networks left in it. The new file takes the old one's name once it is
complete and on disk; until then the old one is untouched. A store that would not
become smaller is left as it is. Nothing of it is computed again.

The cache of activations beside it (<store>.cut) is removed; the next finetune computes
what it needs anew.

JSON, one object: before, after, cut_cache (bytes; the last one of the cache that was
removed).` + storeExits(),
		Example: "  featstore compact",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, after, err := store.Compact(cmd.Context(), a.store, a.patient(store.Options{}))
			if err != nil {
				return err
			}
			cut := a.removeCut()
			if a.json {
				return a.emit(struct {
					Before int64 `json:"before"`
					After  int64 `json:"after"`
					Cut    int64 `json:"cut_cache"`
				}{before, after, cut})
			}
			fmt.Fprintf(a.Out, "%s: %s, was %s\n", printable(a.store), bytesText(after), bytesText(before))
			a.sayRemovedCut(cut)
			return nil
		},
	}
}
