//go:build unix

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"featstore/cmd/featstore/internal/vt"
	"featstore/store/storetest"
)

// On a terminal, progress is a line that is gone when it is done, also when Ctrl-C is
// pressed, which the terminal itself shows in that line.
func TestProgressOnATerminal(t *testing.T) {
	photos, db := drawSome(t, 12)
	cmd := exec.Command(os.Args[0], "ingest", photos, "--store", db, "--size", "640", "--workers", "1")
	cmd.Env = append(os.Environ(), asProgram+"=1", "TERM=xterm", "NO_COLOR=")
	const width = 100
	end, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 25, Cols: width})
	if err != nil {
		t.Skip("no terminals here:", err)
	}
	defer end.Close()
	t.Cleanup(func() { cmd.Process.Kill() })
	var all strings.Builder
	buf, pressed := make([]byte, 4096), false
	for {
		n, err := end.Read(buf)
		all.Write(buf[:n])
		if !pressed && strings.Contains(all.String(), "of 60 photos") {
			pressed = true
			if _, err := end.Write([]byte{3}); err != nil { // Ctrl-C
				t.Fatal(err)
			}
		}
		if err != nil { // the program has closed its side
			break
		}
	}
	cmd.Wait()
	term := vt.New(width)
	term.Write([]byte(all.String()))
	if code := cmd.ProcessState.ExitCode(); code != 130 || !pressed {
		t.Errorf("exit code %d, Ctrl-C pressed: %v", code, pressed)
	}
	if !strings.Contains(all.String(), "ingest [") || !strings.Contains(all.String(), "^C") {
		t.Errorf("no bar, or no ^C, was shown: %q", all.String())
	}
	for _, line := range term.Lines() {
		known := line == ""
		for _, start := range []string{"featstore: ", "Interrupted: ", "  "} {
			known = known || strings.HasPrefix(line, start)
		}
		if !known {
			t.Errorf("left on the screen: %q", line)
		}
	}
	if got := strings.Join(term.Lines(), "\n"); strings.Contains(got, "ingest [") || strings.Contains(got, "^C") || len(term.Problems()) > 0 {
		t.Errorf("on the screen: %s\n%q", got, term.Problems())
	}
	if _, err := os.Stat(db); err == nil { // else nothing was finished
		storetest.CheckFile(t, db)
	}
}
