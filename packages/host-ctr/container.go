package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
)

const (
	// From SIGTERM to SIGKILL.
	stopGrace = 20 * time.Second
	// From SIGKILL until we go without it.
	killGrace = 45 * time.Second
)

// runContainer adopts the container if it runs already, as after the end of an earlier host-ctr, or starts it anew. It
// returns when the container has ended, with an error if that was not well.
func runContainer(ctx context.Context, client *containerd.Client, wanted request, signals <-chan os.Signal) error {
	container, task, err := adopt(ctx, client, wanted)
	if err != nil {
		return err
	}
	if task == nil {
		pulling, cancel := context.WithCancel(ctx)
		defer cancel()
		image, err := pullUnlessSignalled(pulling, cancel, client, wanted, signals)
		if err != nil {
			return err
		}
		if container, task, err = start(ctx, client, image, wanted); err != nil {
			return err
		}
	}
	defer remove(ctx, container)
	return wait(ctx, task, signals)
}

// adopt finds a running task. What is left of one that ended is removed.
func adopt(ctx context.Context, client *containerd.Client, wanted request) (containerd.Container, containerd.Task, error) {
	container, err := client.LoadContainer(ctx, wanted.containerdID())
	if errdefs.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	task, err := container.Task(ctx, cio.NewAttach(cio.WithStreams(nil, os.Stdout, os.Stderr)))
	if err == nil {
		if status, err := task.Status(ctx); err == nil && status.Status == containerd.Running {
			fmt.Printf("host-ctr: %s runs already\n", wanted.containerdID())
			return container, task, nil
		}
	}
	remove(ctx, container)
	return nil, nil, nil
}

func pullUnlessSignalled(ctx context.Context, cancel func(), client *containerd.Client, wanted request, signals <-chan os.Signal) (containerd.Image, error) {
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-done:
		}
	}()
	return pull(ctx, client, wanted)
}

func start(ctx context.Context, client *containerd.Client, image containerd.Image, wanted request) (containerd.Container, containerd.Task, error) {
	// It belongs to the container; only root of the host looks in.
	if err := os.MkdirAll(wanted.directory(), 0o700); err != nil {
		return nil, nil, err
	}
	id := wanted.containerdID()
	container, err := client.NewContainer(ctx, id,
		containerd.WithImage(image),
		containerd.WithNewSnapshot(id, image),
		containerd.WithRuntime("io.containerd.runc.v2", nil),
		containerd.WithNewSpec(specOptions(image, wanted)...),
	)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make container %s: %w", id, err)
	}
	task, err := container.NewTask(ctx, cio.NewCreator(cio.WithStreams(nil, os.Stdout, os.Stderr)))
	if err != nil {
		remove(ctx, container)
		return nil, nil, fmt.Errorf("cannot make the task of container %s: %w", id, err)
	}
	if err := task.Start(ctx); err != nil {
		remove(ctx, container)
		return nil, nil, fmt.Errorf("cannot start container %s: %w", id, err)
	}
	return container, task, nil
}

// wait hands signals on, and ends a container that does not heed them.
func wait(ctx context.Context, task containerd.Task, signals <-chan os.Signal) error {
	exited, err := task.Wait(ctx)
	if err != nil {
		return err
	}
	var patience <-chan time.Time
	killed := false
	for {
		select {
		case status := <-exited:
			if code := status.ExitCode(); code != 0 && !killed {
				return fmt.Errorf("container %s exited with status %d", task.ID(), code)
			}
			return status.Error()
		case received := <-signals:
			number, ok := received.(syscall.Signal)
			if !ok {
				continue
			}
			if err := task.Kill(ctx, number); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
			if patience == nil {
				patience = time.After(stopGrace)
			}
			// We were asked to end it: however it ends is well.
			killed = true
		case <-patience:
			if err := task.Kill(ctx, syscall.SIGKILL); err != nil && !errdefs.IsNotFound(err) {
				return err
			}
			patience = nil
			timeout, cancel := context.WithTimeout(ctx, killGrace)
			defer cancel()
			select {
			case <-exited:
				return nil
			case <-timeout.Done():
				return fmt.Errorf("container %s did not end", task.ID())
			}
		}
	}
}

func cleanUp(ctx context.Context, client *containerd.Client, wanted request, _ <-chan os.Signal) error {
	container, err := client.LoadContainer(ctx, wanted.containerdID())
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	remove(ctx, container)
	return nil
}

// remove ends and deletes a container's task, the container and its snapshot. What cannot be removed is told, no more.
func remove(ctx context.Context, container containerd.Container) {
	if task, err := container.Task(ctx, nil); err == nil {
		if _, err := task.Delete(ctx, containerd.WithProcessKill); err != nil && !errdefs.IsNotFound(err) {
			fmt.Fprintf(os.Stderr, "host-ctr: cannot delete the task of %s: %v\n", container.ID(), err)
		}
	}
	if err := container.Delete(ctx, containerd.WithSnapshotCleanup); err != nil && !errdefs.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "host-ctr: cannot delete container %s: %v\n", container.ID(), err)
	}
}
