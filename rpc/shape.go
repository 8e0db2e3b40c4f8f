package rpc

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// shape turns the error of a pb handler into what DM's tools expect: a body
// that says result false and why. Methods whose body has no room for that, and
// our own services, answer a gRPC status.
func shape(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	resp, err := next(ctx, req)
	if err == nil {
		return resp, nil
	}
	tellKind(ctx, err)
	if grpcstatus.Code(err) == codes.Unimplemented {
		method := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
		err = fault.New(fault.Unsupported, "not supported yet: "+method)
	}
	if body := refusal(info.FullMethod, req, Message(err)); body != nil {
		return body, nil
	}
	return nil, statusError(err)
}

// tellKind says in the trailer what sort of failure an answer is: a body with
// result false cannot, and a forwarding master must know whom to ask next.
func tellKind(ctx context.Context, err error) {
	md := metadata.Pairs(headerKind, fault.KindOf(err).String())
	if errors.Is(err, errMaybe) {
		md.Set(headerMaybe, "true")
	}
	_ = grpc.SetTrailer(ctx, md) // fails only outside a call
}

// Message gives the text of an error for DM's msg fields: with the [code=...]
// prefix if DM has a number for it, else its own words.
func Message(err error) string {
	r := Render(err)
	if r.Code != codeNotSet {
		return r.String()
	}
	text := err.Error()
	if r.Advice != "" {
		text += ", Workaround: " + r.Advice
	}
	return text
}

// newReply makes an empty response of a method, nil when the method is unknown.
func newReply(fullMethod string) proto.Message {
	name := strings.ReplaceAll(strings.TrimPrefix(fullMethod, "/"), "/", ".")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil
	}
	method, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil
	}
	t, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil
	}
	return t.New().Interface()
}

// refusal gives the response that carries a refusal: result stays false, msg
// says why, op repeats the request's. Nil when the response has no msg.
func refusal(fullMethod string, req any, msg string) proto.Message {
	if !strings.HasPrefix(fullMethod, "/pb.") && !strings.HasPrefix(fullMethod, "/"+clusterpb.Operator_ServiceDesc.ServiceName+"/") {
		return nil
	}
	body := newReply(fullMethod)
	if body == nil {
		return nil
	}
	to := body.ProtoReflect()
	fields := to.Descriptor().Fields()
	field := fields.ByName("msg")
	if field == nil || field.Kind() != protoreflect.StringKind {
		return nil
	}
	to.Set(field, protoreflect.ValueOfString(msg))
	if from, ok := req.(proto.Message); ok {
		in := from.ProtoReflect()
		src, dst := in.Descriptor().Fields().ByName("op"), fields.ByName("op")
		if src != nil && dst != nil && src.Enum() != nil && dst.Enum() != nil && src.Enum().FullName() == dst.Enum().FullName() {
			to.Set(dst, in.Get(src))
		}
	}
	return body
}

// statusError gives an error as gRPC status; nil for nil.
func statusError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := grpcstatus.FromError(err); ok {
		return err
	}
	return grpcstatus.Error(codeOf(err), Message(err))
}

func codeOf(err error) codes.Code {
	if st, ok := grpcstatus.FromError(err); ok {
		return st.Code()
	}
	switch fault.KindOf(err) {
	case fault.Invalid:
		return codes.InvalidArgument
	case fault.NotFound:
		return codes.NotFound
	case fault.Exists:
		return codes.AlreadyExists
	case fault.Conflict, fault.Schema, fault.Data:
		return codes.FailedPrecondition
	case fault.NotLeader, fault.Unavailable:
		return codes.Unavailable
	case fault.Unsupported:
		return codes.Unimplemented
	case fault.Corrupt:
		return codes.DataLoss
	case fault.Cancelled:
		return codes.Canceled
	default:
		return codes.Internal
	}
}
