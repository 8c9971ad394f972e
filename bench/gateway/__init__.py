"""What the measurements of the gateway stand on: an upstream, a load, and the gateways they are put between."""
