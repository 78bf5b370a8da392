// Command host-ctr runs one container of the host itself: it pulls its image, starts it with what such a container may
// see of the host, waits for its end and cleans up after it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
)

const usage = `usage:
  host-ctr [-s SOCKET] [-n NAMESPACE] run -container-id ID -source IMAGE [-container-type host|bootstrap] [-superpowered] [-registry-config FILE]
  host-ctr [-s SOCKET] [-n NAMESPACE] pull-image -source IMAGE [-registry-config FILE]
  host-ctr [-s SOCKET] [-n NAMESPACE] clean-up -container-id ID
`

// kind is where a container's own directory lies, below /local and in it.
type kind string

const (
	host      kind = "host-containers"
	bootstrap kind = "bootstrap-containers"
)

type request struct {
	id             string
	source         string
	kind           kind
	superpowered   bool
	registryConfig string
}

// A name ends in paths of the host.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "host-ctr: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	global := flag.NewFlagSet("host-ctr", flag.ContinueOnError)
	global.Usage = func() { fmt.Fprint(global.Output(), usage) }
	var socket, namespace string
	for _, name := range []string{"s", "containerd-socket"} {
		global.StringVar(&socket, name, "/run/host-containerd/containerd.sock", "where containerd is asked")
	}
	for _, name := range []string{"n", "namespace"} {
		global.StringVar(&namespace, name, "default", "containerd's namespace")
	}
	if err := global.Parse(args); err != nil {
		return err
	}
	if global.NArg() == 0 {
		return fmt.Errorf("expected a command\n%s", usage)
	}
	work, wanted, err := parseCommand(global.Arg(0), global.Args()[1:])
	if err != nil {
		return err
	}
	client, err := containerd.New(socket)
	if err != nil {
		return fmt.Errorf("cannot ask containerd at %s: %w", socket, err)
	}
	defer client.Close()
	// A signal is for the container, while there is one; without one it ends the work.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	return work(namespaces.WithNamespace(context.Background(), namespace), client, wanted, signals)
}

type command func(context.Context, *containerd.Client, request, <-chan os.Signal) error

func parseCommand(name string, args []string) (command, request, error) {
	flags := flag.NewFlagSet("host-ctr "+name, flag.ContinueOnError)
	var wanted request
	var containerType string
	flags.StringVar(&wanted.id, "container-id", "", "name of the container")
	flags.StringVar(&wanted.source, "source", "", "reference of its image")
	flags.StringVar(&wanted.registryConfig, "registry-config", "", "mirrors of registries")
	flags.StringVar(&containerType, "container-type", "host", "host or bootstrap")
	flags.BoolVar(&wanted.superpowered, "superpowered", false, "may do what the host may")
	if err := flags.Parse(args); err != nil {
		return nil, wanted, err
	}
	needsID, needsSource := name != "pull-image", name != "clean-up"
	if needsID && !idPattern.MatchString(wanted.id) {
		return nil, wanted, fmt.Errorf("expected -container-id to be letters, digits, dots and dashes, got %q", wanted.id)
	}
	if needsSource && wanted.source == "" {
		return nil, wanted, fmt.Errorf("expected -source, the reference of an image")
	}
	switch containerType {
	case "host":
		wanted.kind = host
	case "bootstrap":
		wanted.kind = bootstrap
		if wanted.superpowered {
			return nil, wanted, fmt.Errorf("a bootstrap container cannot be superpowered")
		}
	default:
		return nil, wanted, fmt.Errorf("expected -container-type to be host or bootstrap, got %q", containerType)
	}
	switch name {
	case "run":
		return runContainer, wanted, nil
	case "pull-image":
		return pullImage, wanted, nil
	case "clean-up":
		return cleanUp, wanted, nil
	}
	return nil, wanted, fmt.Errorf("expected one of run, pull-image, clean-up, got %q\n%s", name, usage)
}

// containerdID keeps bootstrap containers apart from host containers of the same name.
func (r request) containerdID() string {
	if r.kind == bootstrap {
		return "boot." + r.id
	}
	return r.id
}

// directory is what a container keeps between its runs.
func (r request) directory() string {
	return filepath.Join("/local", string(r.kind), r.id)
}
