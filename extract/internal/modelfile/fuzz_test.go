package modelfile

import "testing"

// FuzzManifest: what is read as a manifest is written so that it reads back, and
// means a preparation or an error.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"tap":"x","preprocess":{"preset":"imagenet","width":3,"height":4,"crop":0.5,"mean":[1,2,3]}}`), "lite,size=3x4")
	f.Add([]byte(`{"size":{"shortest_edge":224},"crop_size":224,"do_center_crop":true,"image_mean":[0,0,0],"image_std":[1,1,1]}`), "std=1,2,3,mean=4")
	f.Fuzz(func(t *testing.T, data []byte, list string) {
		if s, err := huggingFaceProcessor(data); err == nil && s != nil {
			s.Preprocess.Resolve(8, 8)
		}
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		m.Preprocess.Resolve(8, 8)
		again, err := ParseManifest(m.Encode())
		if err != nil || string(again.Encode()) != string(m.Encode()) {
			t.Errorf("%s reads back as %s, %v", m.Encode(), again.Encode(), err)
		}
		var w Manifest
		if w.SetAll(list) == nil {
			s := w.Over(m).Preprocess
			if p, missing, err := s.Resolve(8, 8); err == nil && missing == nil && p.Validate() != nil {
				t.Errorf("%s over %s: resolved to %+v", list, data, p)
			}
		}
	})
}
