// Listing lists a directory, sorted, and copies each of its files to standard output: what Go's library makes of a
// file tree.
//
//	listing DIRECTORY
package main

import (
	"bufio"
	"os"
	"path"
	"strconv"
)

func main() {
	if len(os.Args) != 2 {
		os.Stderr.WriteString("usage: listing DIRECTORY\n")
		os.Exit(2)
	}
	if err := list(os.Args[1]); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func list(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		file := path.Join(directory, entry.Name())
		status, err := os.Stat(file)
		if err != nil {
			return err
		}
		if status.IsDir() {
			os.Stdout.WriteString(file + "/\n")
			continue
		}
		os.Stdout.WriteString(file + " " + strconv.FormatInt(status.Size(), 10) + "\n")
		if err := copyLines(file); err != nil {
			return err
		}
	}
	return nil
}

func copyLines(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		os.Stdout.WriteString("| " + lines.Text() + "\n")
	}
	return lines.Err()
}
