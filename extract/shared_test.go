package extract

import (
	"os"
	"path/filepath"
	"testing"
)

// shared returns a folder of ../shared, or skips the test.
func shared(t testing.TB, elem ...string) string {
	t.Helper()
	dir := filepath.Join(append([]string{"..", "..", "shared"}, elem...)...)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared (test material that is not part of the repository)")
	}
	return dir
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
