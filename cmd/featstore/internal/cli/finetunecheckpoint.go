package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/split"
	"featstore/store"
	"featstore/train"
)

// A tuningCheckpoint is what --resume needs: the settings of the run, the photos that it
// knows, and the state of the training.
type tuningCheckpoint struct {
	Model   string           `json:"model"`
	Cut     string           `json:"cut"`
	Size    string           `json:"size,omitzero"` // --size
	Photos  [][]byte         `json:"photos"`        // fingerprints of the training and the validation split
	Limit   time.Duration    `json:"limit"`
	Config  train.TuneConfig `json:"config"`
	Augment photo.Augment    `json:"augment,omitzero"`
	Views   int              `json:"views,omitzero"` // of each training photo, at a cut
	State   []byte           `json:"-"`              // follows after a line feed
}

// putCheckpoint keeps a state of the training under the head's name.
func putCheckpoint(db *store.DB, f finetuning, tuning *extract.Tuning, photos *tuningSet, state []byte) error {
	about, err := json.Marshal(tuningCheckpoint{photos.model.ID, tuning.Cut().Tensor, f.size, photos.fingerprints(), f.limit, f.cfg, f.augment, f.views, nil})
	if err != nil {
		return err
	}
	value := append(append(about, '\n'), state...)
	if err := db.Update(func(tx *store.Tx) error { return tx.PutCheckpoint(f.head, value) }); err != nil {
		return fmt.Errorf("keep the checkpoint: %w", err)
	}
	return nil
}

// fingerprints are those of the splits that take part in the training.
func (s *tuningSet) fingerprints() [][]byte {
	var all [][]byte
	for _, sp := range []split.Split{split.Training, split.Validation} {
		f := s.indexes[sp].Fingerprint()
		all = append(all, f[:])
	}
	return all
}

// checkpoint reads the head's checkpoint, if there is one. With --resume it takes over
// its settings.
func (f *finetuning) checkpoint(db *store.DB) (c tuningCheckpoint, err error) {
	var value []byte
	err = db.View(func(tx *store.Tx) (err error) {
		value, err = tx.Checkpoint(f.head)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound) && f.resume:
		return c, hint(fmt.Errorf("--resume: there is no checkpoint of head %q", f.head), "without --resume the training begins anew")
	case errors.Is(err, store.ErrNotFound), err != nil && !f.resume:
		return c, nil
	case err != nil:
		return c, err
	}
	about, state, _ := bytes.Cut(value, []byte{'\n'})
	c.State = state
	if !f.resume {
		return c, nil
	}
	if err := json.Unmarshal(about, &c); err != nil || len(c.Photos) != 2 {
		return c, hint(fmt.Errorf("%w: it cannot be read", train.ErrOtherTuning), "begin anew without --resume")
	}
	if err := c.Config.Validate(); err != nil {
		return c, hint(fmt.Errorf("%w: %w", train.ErrOtherTuning, err), "begin anew without --resume")
	}
	if err := c.Augment.Validate(); err != nil {
		return c, hint(fmt.Errorf("%w: %w", train.ErrOtherTuning, err), "begin anew without --resume")
	}
	f.augment, f.views = c.Augment, max(c.Views, 2)
	f.cfg, f.models, f.from, f.size, f.limit = c.Config, []string{c.Model}, c.Cut, c.Size, c.Limit
	return c, nil
}

// fits refuses to go on with other photos.
func (c tuningCheckpoint) fits(s *tuningSet) error {
	for i, f := range s.fingerprints() {
		if c.Photos != nil && !bytes.Equal(f, c.Photos[i]) {
			return hint(fmt.Errorf("%w: the photos have changed since", train.ErrOtherTuning), "begin anew without --resume")
		}
	}
	return nil
}
