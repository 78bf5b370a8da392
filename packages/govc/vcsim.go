// A vCenter to try things on: vcsim DATACENTERS serves on a free port of the loopback interface, prints its address, and ends with its
// standard input. Who may log in is in VCSIM_USERNAME and VCSIM_PASSWORD; anybody, where they are empty.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"strconv"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

func main() {
	datacenters, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	model := simulator.VPX()
	model.Datacenter = datacenters
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	defer model.Remove()
	model.Service.RegisterEndpoints = true
	model.Service.TLS = new(tls.Config)
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0"}
	if name := os.Getenv("VCSIM_USERNAME"); name != "" {
		model.Service.Listen.User = url.UserPassword(name, os.Getenv("VCSIM_PASSWORD"))
	}
	server := model.Service.NewServer()
	defer server.Close()
	fmt.Println((&url.URL{Scheme: "https", Host: server.URL.Host, Path: server.URL.Path}).String())
	io.Copy(io.Discard, os.Stdin)
}
