package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// asked is what the caller wants of a server on 127.0.0.1, read from standard input.
type asked struct {
	Port        int
	Head        string // request line and headers, up to and without the empty line
	Body        string
	Connections int
	Requests    int64
}

// told is what came of it; times are in seconds.
type told struct {
	Seconds  float64
	Statuses map[int]int
	Half     float64
	Most     float64 // of which one of a hundred took longer
	Answer   string  // one of the answers
}

// load sends the same request again and again on connections that stay open, as many at a time as
// there are connections, and tells how long each took.
func load(in io.Reader, out io.Writer) error {
	var wanted asked
	if err := json.NewDecoder(in).Decode(&wanted); err != nil {
		return err
	}
	request := fmt.Appendf(nil, "%s\r\nContent-Length: %d\r\n\r\n%s",
		wanted.Head, len(wanted.Body), wanted.Body)
	var left atomic.Int64
	left.Store(wanted.Requests)
	type result struct {
		statuses map[int]int
		times    []float64
		last     string
		err      error
	}
	results := make([]result, wanted.Connections)
	connections := make([]net.Conn, wanted.Connections)
	for nth := range connections {
		connection, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", wanted.Port))
		if err != nil {
			return err
		}
		defer connection.Close()
		connections[nth] = connection
	}
	var all sync.WaitGroup
	begin := time.Now()
	for nth, connection := range connections {
		all.Go(func() {
			here := &results[nth]
			here.statuses = make(map[int]int)
			reader := bufio.NewReader(connection)
			for left.Add(-1) >= 0 {
				sent := time.Now()
				if _, here.err = connection.Write(request); here.err != nil {
					return
				}
				answer, err := http.ReadResponse(reader, nil)
				if err != nil {
					here.err = err
					return
				}
				body, err := io.ReadAll(answer.Body)
				if err != nil {
					here.err = err
					return
				}
				here.times = append(here.times, time.Since(sent).Seconds())
				here.statuses[answer.StatusCode]++
				here.last = string(body)
			}
		})
	}
	all.Wait()
	sum := told{Seconds: time.Since(begin).Seconds(), Statuses: make(map[int]int)}
	var times []float64
	for _, one := range results {
		if one.err != nil {
			return one.err
		}
		for status, count := range one.statuses {
			sum.Statuses[status] += count
		}
		times = append(times, one.times...)
		if one.last != "" {
			sum.Answer = one.last
		}
	}
	if len(times) == 0 {
		return fmt.Errorf("nothing was sent")
	}
	slices.Sort(times)
	sum.Half, sum.Most = times[len(times)/2], times[len(times)*99/100]
	return json.NewEncoder(out).Encode(sum)
}
