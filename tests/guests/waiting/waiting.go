// Waits, with timers, tickers and the garbage collector about: what Go's runtime makes of poll_oneoff.
//
//	waiting
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

func main() {
	start := time.Now()
	for _, wait := range []time.Duration{time.Millisecond, time.Hour, 0} {
		time.Sleep(wait)
		fmt.Println("waited", wait, time.Since(start) >= wait)
	}

	// The collector once died of timers that were there.
	fired := make(chan string, 3)
	time.AfterFunc(2*time.Second, func() { fired <- "second" })
	time.AfterFunc(time.Second, func() { fired <- "first" })
	time.AfterFunc(3*time.Second, func() { fired <- "third" })
	garbage := make([][]byte, 0)
	for i := 0; i < 64; i++ {
		garbage = append(garbage, make([]byte, 1<<16))
		if i%16 == 0 {
			runtime.GC()
		}
	}
	fmt.Println("garbage", len(garbage))
	fmt.Println("fired", <-fired, <-fired, <-fired)

	ticker := time.NewTicker(time.Minute)
	for i := 0; i < 3; i++ {
		<-ticker.C
	}
	ticker.Stop()
	fmt.Println("ticked", time.Since(start).Round(time.Minute))

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	<-ctx.Done()
	fmt.Println("context", ctx.Err())

	var all sync.WaitGroup
	for _, wait := range []time.Duration{3, 1, 2} {
		all.Add(1)
		go func() {
			defer all.Done()
			time.Sleep(wait * time.Second)
			fmt.Println("routine", int(wait))
		}()
	}
	all.Wait()

	real, err := filepath.EvalSymlinks(os.Args[1] + "/deep/../note.txt")
	fmt.Println("real", real, err)
	_, err = os.Readlink(os.Args[1] + "/note.txt")
	fmt.Println("link", err)
	err = os.Remove(os.Args[1] + "/none")
	fmt.Println("gone", errors.Is(err, os.ErrNotExist))
}
