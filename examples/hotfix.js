price.textContent = 'price: ' + 42
