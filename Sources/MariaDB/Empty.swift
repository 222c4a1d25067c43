// The wrapper is below the trait.
