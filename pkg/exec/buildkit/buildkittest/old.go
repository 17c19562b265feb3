package buildkittest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gwpb "github.com/moby/buildkit/frontend/gateway/pb"
	apicaps "github.com/moby/buildkit/util/apicaps/pb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Lacking returns the address of a daemon that is the one at an address, but
// says that it lacks capabilities of LLB, as an older one does. Which ones,
// lacks is asked.
func Lacking(t testing.TB, address string, lacks func(id string) bool) string {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(
		grpc.ForceCodec(frames{}), grpc.MaxCallRecvMsgSize(maxFrame), grpc.MaxCallSendMsgSize(maxFrame)))
	if err != nil {
		t.Fatal(err)
	}
	dir := Dir(t)
	l, err := net.Listen("unix", filepath.Join(dir, "old.sock"))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: conn, lacks: lacks}
	s := grpc.NewServer(grpc.ForceServerCodec(frames{}), grpc.UnknownServiceHandler(p.pass), grpc.MaxRecvMsgSize(maxFrame), grpc.MaxSendMsgSize(maxFrame))
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		_ = conn.Close()
	})
	return "unix://" + filepath.Join(dir, "old.sock")
}

const maxFrame = 64 << 20

// frame is a message as it is on the wire.
type frame struct{ bytes []byte }

// frames is a codec that leaves messages as they are.
type frames struct{}

func (frames) Name() string { return "proto" }

func (frames) Marshal(v any) ([]byte, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, fmt.Errorf("passing on a %T: it is no frame", v)
	}
	return f.bytes, nil
}

func (frames) Unmarshal(data []byte, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return fmt.Errorf("reading into a %T: it is no frame", v)
	}
	f.bytes = slices.Clone(data)
	return nil
}

// proxy passes every call on, and takes capabilities out of one answer.
type proxy struct {
	to    *grpc.ClientConn
	lacks func(id string) bool
}

func (p *proxy) pass(_ any, in grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(in)
	ctx, cancel := context.WithCancel(in.Context())
	defer cancel()
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, md.Copy())
	}
	out, err := p.to.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		for {
			var f frame
			if err := in.RecvMsg(&f); err != nil {
				if errors.Is(err, io.EOF) {
					_ = out.CloseSend()
				} else {
					cancel()
				}
				return
			}
			if out.SendMsg(&f) != nil {
				return // the other direction says why
			}
		}
	}()
	return p.answers(in, out, strings.HasSuffix(method, "LLBBridge/Ping"))
}

// answers copies what the daemon says.
func (p *proxy) answers(in grpc.ServerStream, out grpc.ClientStream, isPing bool) error {
	for first := true; ; first = false {
		var f frame
		err := out.RecvMsg(&f)
		if first {
			if md, headerErr := out.Header(); headerErr == nil {
				_ = in.SendHeader(md)
			}
		}
		if err != nil {
			in.SetTrailer(out.Trailer())
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if isPing {
			if f.bytes, err = p.poorer(f.bytes); err != nil {
				return status.Error(codes.Internal, err.Error())
			}
		}
		if err := in.SendMsg(&f); err != nil {
			return err
		}
	}
}

func (p *proxy) poorer(text []byte) ([]byte, error) {
	var pong gwpb.PongResponse
	if err := proto.Unmarshal(text, &pong); err != nil {
		return nil, err
	}
	pong.LLBCaps = slices.DeleteFunc(pong.LLBCaps, func(c *apicaps.APICap) bool { return p.lacks(c.ID) })
	return proto.Marshal(&pong)
}
