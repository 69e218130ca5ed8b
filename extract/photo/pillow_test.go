package photo

import (
	"os"
	"os/exec"
	"testing"
)

// A pillowPython is a Python that has Pillow.
type pillowPython string

// pillow returns the Python that FEATSTORE_PYTHON names, or skips the test.
func pillow(t *testing.T) pillowPython {
	t.Helper()
	name := os.Getenv("FEATSTORE_PYTHON")
	if name == "" {
		t.Skip("needs FEATSTORE_PYTHON to name a Python with numpy and Pillow")
	}
	if out, err := exec.Command(name, "-c", "import numpy, PIL").CombinedOutput(); err != nil {
		t.Skipf("%s: %v: %s", name, err, out)
	}
	return pillowPython(name)
}

// run writes beside each picture of a folder what Pillow decodes it to.
func (p pillowPython) run(t *testing.T, how string, dir string) {
	t.Helper()
	if out, err := exec.Command(string(p), "testdata/pillow.py", how, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
