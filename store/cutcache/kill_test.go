package cutcache_test

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"featstore/store/cutcache"
)

var kills = flag.Int("kills", 8, "how often TestKilled kills a writing process")

// killedOptions make room for a part of what the child puts, so that it evicts.
var killedOptions = cutcache.Small(6*segment, segment, nil)

func TestMain(m *testing.M) {
	if path := os.Getenv("CUTCACHE_TEST_PUT"); path != "" {
		putForEver(path)
	}
	os.Exit(m.Run())
}

// putForEver fills a cache, over and over, with entries of other cuts each time.
func putForEver(path string) {
	for round := 0; ; round++ {
		c, err := cutcache.Open(path, killedOptions)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("open")
		for i := range 100 {
			for cut, n := range lengths {
				k := key("m", cut, (round+i)%20, 0)
				if _, err := c.Get(k, make([]float32, n)); err != nil {
					fmt.Println(err)
				}
				c.Put(k, activations(k, n)) // ErrFull is fine
			}
		}
		c.Close()
	}
}

// A process that is killed while it writes leaves a cache whose entries are right, but
// for the one that was being written.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "features.db.cut")
	found := 0
	for range *kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "CUTCACHE_TEST_PUT="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said, err := bufio.NewReader(out).ReadString('\n')
		time.Sleep(time.Duration(rand.IntN(20000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if said != "open\n" {
			t.Fatalf("the child says %q, %v", said, err)
		}
		c := open(t, path, killedOptions)
		for i := range 20 {
			for cut, n := range lengths {
				if get(t, c, key("m", cut, i, 0), n) {
					found++
				}
			}
		}
		if st := c.Stats(); st.Damaged > 1 {
			t.Errorf("%d entries are damaged", st.Damaged)
		}
		closeCache(t, c)
	}
	if found == 0 {
		t.Error("nothing was ever found")
	}
}
