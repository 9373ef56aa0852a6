"""What happens when machine, disk or clock fail under the gateway."""
